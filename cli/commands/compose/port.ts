/** `compose port`: where a port of a service is published. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { PortConfig } from '../../../proto/generated/gantry/v1/types.ts';
import { protocolName } from '../../../proto/port-protocol.ts';
import { type Cli, printLine } from '../../cli.ts';
import { wholeNumber } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { hostAddress } from '../../format/ports.ts';
import { oneOf } from '../../options/words.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { currentTasks, isRunning, projectServices, selectServices } from '../../project/project-state.ts';

interface PortOptions extends ProjectOptions {
  readonly index: number;
  readonly protocol: 'tcp' | 'udp';
}

export function define(command: Command, cli: Cli): void {
  declareProject(command)
    .argument('<service>', 'name of a service')
    .argument('<port>', 'port in its containers', wholeNumber('the port'))
    .option('--index <index>', 'which of several containers', wholeNumber('--index'), 1)
    .option(
      '--protocol <protocol>',
      'tcp or udp (default: tcp)',
      oneOf('--protocol', { tcp: 'tcp', udp: 'udp' } as const),
      'tcp',
    )
    .action((service: string, target: number, options: PortOptions) => port(cli, service, target, options));
}

async function port(cli: Cli, name: string, target: number, options: PortOptions): Promise<void> {
  const { index, protocol } = options;
  const project = projectName(cli, options);
  await withClient(ControlClient, cli, async (control) => {
    const [selected] = selectServices(await projectServices(control, project), [name]);
    const services = selected === undefined ? [] : [selected.service.id];
    const { tasks } = await ask(control, control.taskList, { stack: '', services, nodes: [] });
    const task = currentTasks(tasks)
      .filter(isRunning)
      .at(index - 1);
    if (task === undefined) throw new CliError(`service "${name}" is not running`);
    const found = task.ports.find((one) => one.targetPort === target && protocolName(one.protocol) === protocol);
    if (found === undefined) {
      throw new CliError(`no port ${target}/${protocol} of service "${name}" is published`, {
        hint: task.ports.length > 0 ? `it has ${describe(task.ports)}` : 'add it under ports',
      });
    }
    await printLine(cli, `${hostAddress(found)}:${found.publishedPort}`);
  });
}

function describe(ports: readonly PortConfig[]): string {
  return ports.map((one) => `${one.targetPort}/${protocolName(one.protocol)}`).join(', ');
}
