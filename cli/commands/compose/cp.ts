/** `compose cp`: copies files between the host and the containers of a service, on whichever nodes they run. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain } from '../../cli.ts';
import { wholeNumber } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { copyFromContainer } from '../../copy/copy-from.ts';
import { type CopyPath, type Inside, type Outside, parseCopyPath } from '../../copy/copy-paths.ts';
import { type CopyPeer, containerPeer, taskPeer } from '../../copy/copy-peer.ts';
import { copyToContainer } from '../../copy/copy-to.ts';
import { CliError, EXIT } from '../../failure.ts';
import { humanSize } from '../../format/size.ts';
import { isOneOff, oneOffFilters, SERVICE_LABEL } from '../../project/one-off.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { nodeNames, placeName } from '../../project/project-state.ts';
import { tasksWithContainers } from '../../project/task-of-service.ts';

interface CopyOptions extends ProjectOptions {
  readonly all?: boolean;
  readonly archive?: boolean;
  readonly followLink?: boolean;
  readonly index?: number;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command)
    .argument('<source-path>', "SERVICE:PATH, a path of this host, or '-' for a tar on standard input")
    .argument('<destination-path>', "a path of this host, '-' for a tar on standard output, or SERVICE:PATH")
    .option('--all', "also to the service's containers on this host that 'compose run' has made")
    .option('-a, --archive', 'keep owners')
    .option('-L, --follow-link', 'copy what a link leads to, if the source is one')
    .option('--index <index>', 'which of several containers (default: to all, from the first)', wholeNumber('--index'))
    .action((source: string, destination: string, options: CopyOptions) =>
      copy(cli, parseCopyPath(source), parseCopyPath(destination), options),
    );
}

async function copy(cli: Cli, source: CopyPath, destination: CopyPath, options: CopyOptions): Promise<void> {
  if (source.kind === 'container') {
    if (destination.kind !== 'container') return await copyFrom(cli, source, destination, options);
    throw refused(
      'copying between services is not supported',
      "'gantry compose cp A:PATH - | gantry compose cp - B:DIR'",
    );
  }
  if (destination.kind === 'container') return await copyTo(cli, source, destination, options);
  throw refused('unknown copy direction', 'write one of the paths as SERVICE:PATH');
}

async function copyFrom(cli: Cli, { reference, path }: Inside, to: Outside, options: CopyOptions): Promise<void> {
  await withPeers(cli, reference, options, async ([peer]) => {
    if (peer === undefined) return;
    const bytes = await copyFromContainer(cli, peer, path, to, rulesOf(options));
    if (to.kind === 'local') await tell(cli, `${peer.name}:${path} to ${to.path}`, bytes);
  });
}

/** To all of its containers at once. */
async function copyTo(cli: Cli, from: Outside, { reference, path }: Inside, options: CopyOptions): Promise<void> {
  await withPeers(cli, reference, options, async (peers) => {
    if (from.kind === 'stream' && peers.length > 1) {
      throw refused(
        `service "${reference}" has ${peers.length} containers`,
        'what is piped in goes to one: add --index',
      );
    }
    await Promise.all(
      peers.map(async (peer) => {
        const bytes = await copyToContainer(cli, from, peer, path, rulesOf(options));
        await tell(cli, `${from.kind === 'local' ? from.path : '-'} to ${peer.name}:${path}`, bytes);
      }),
    );
  });
}

function rulesOf({ archive: keepOwners = false, followLink = false }: CopyOptions) {
  return { keepOwners, followLink };
}

/** At least one. */
async function withPeers(
  cli: Cli,
  service: string,
  options: CopyOptions,
  work: (peers: readonly CopyPeer[]) => Promise<void>,
): Promise<void> {
  const project = projectName(cli, options);
  await withClient(ControlClient, cli, async (control) => {
    const names = await nodeNames(control);
    const tasks = await tasksWithContainers(control, project, service, options.index);
    const peers = tasks.map((task) => taskPeer(control, task.id, placeName(task, project, names)));
    if (!options.all) return await work(peers);
    await withClient(EngineClient, cli, async (engine) => {
      const { containers } = await ask(engine, engine.containerList, {
        all: true,
        filters: [...oneOffFilters(project), `label=${SERVICE_LABEL}=${service}`],
      });
      await work([...peers, ...containers.filter(isOneOff).map(({ id, name }) => containerPeer(engine, id, name))]);
    });
  });
}

async function tell(cli: Cli, what: string, bytes: number): Promise<void> {
  await complain(cli, `Copied ${what} (${humanSize(bytes)})`);
}

function refused(message: string, hint: string): CliError {
  return new CliError(message, { hint, exitCode: EXIT.failed });
}
