/** `compose exec`: a command in a container of a service, on whichever node it runs. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Task } from '../../../proto/generated/gantry/v1/types.ts';
import type { Cli } from '../../cli.ts';
import { collect, wholeNumber } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError, commandExitCode, exitCodeOf, withExitCode } from '../../failure.ts';
import { readEnvironment } from '../../options/pairs.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { currentTasks, isRunning, projectServices, selectServices } from '../../project/project-state.ts';
import { runSession, terminalSize } from '../../terminal/session.ts';

interface ExecOptions extends ProjectOptions {
  readonly detach?: boolean;
  readonly env: readonly string[];
  readonly index?: number;
  readonly interactive: boolean;
  /** False for -T. */
  readonly tty: boolean;
  readonly privileged?: boolean;
  readonly user?: string;
  readonly workdir?: string;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command)
    .argument('<service>', 'name of a service that runs')
    .argument('<command...>', 'command and its arguments')
    .passThroughOptions()
    .option('-d, --detach', "start it and don't wait")
    .option('-e, --env <name=value>', 'environment variable', collect, [])
    .option('--index <index>', 'which of several containers (default: the first)', wholeNumber('--index'))
    .option('-i, --interactive', 'keep standard input open', true)
    .option('--no-interactive', "don't")
    .option('-T, --no-tty', 'without a terminal (default: with one, where there is one)')
    .option('--privileged', 'give it all capabilities')
    .option('-u, --user <user>', 'user name or id, with :GROUP if wanted')
    .option('-w, --workdir <directory>', 'working directory in the container')
    .action(async (service: string, argv: string[], options: ExecOptions) => {
      try {
        await withClient(ControlClient, cli, (control) => exec(cli, control, service, argv, options));
      } catch (error) {
        throw withExitCode(error, commandExitCode(error) ?? exitCodeOf(error));
      }
    });
}

async function exec(
  cli: Cli,
  control: ControlClient,
  name: string,
  argv: string[],
  options: ExecOptions,
): Promise<void> {
  const { detach = false } = options;
  const task = await taskOf(control, projectName(cli, options), name, options.index);
  const stdin = options.interactive && !detach;
  const tty = options.tty && !detach && cli.stdin.isTTY === true && cli.stdout.isTTY === true;
  const start = {
    reference: task.id,
    argv,
    env: readEnvironment([], options.env, cli.env),
    user: options.user ?? '',
    dir: options.workdir ?? '',
    tty,
    stdin,
    privileged: options.privileged ?? false,
    detach,
    size: terminalSize(cli),
  };
  const { exitCode } = await runSession(control.taskExec(), { $case: 'exec', value: start }, cli, { tty, stdin });
  cli.exitCode = exitCode ?? 0;
}

/** `index`: the slot of a replicated service; of a global one, which of its tasks by their nodes. */
async function taskOf(control: ControlClient, project: string, name: string, index: number | undefined): Promise<Task> {
  const [selected] = selectServices(await projectServices(control, project), [name]);
  const references = selected === undefined ? [] : [selected.service.id];
  const { tasks } = await ask(control, control.taskList, { stack: '', services: references, nodes: [] });
  const running = currentTasks(tasks).filter(isRunning);
  if (running.length === 0) {
    throw new CliError(`service "${name}" is not running`, { hint: `start it with 'gantry compose up -d ${name}'` });
  }
  const task =
    index === undefined ? running[0] : (running.find(({ slot }) => slot === index) ?? globalTask(running, index));
  if (task !== undefined) return task;
  throw new CliError(`service "${name}" has no running container ${index}`, {
    hint: `it has ${running.map(({ slot }, position) => slot || position + 1).join(', ')}`,
  });
}

function globalTask(running: readonly Task[], index: number): Task | undefined {
  return running[0]?.slot === 0 ? running[index - 1] : undefined;
}
