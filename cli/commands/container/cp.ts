import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { copyFromContainer } from '../../copy/copy-from.ts';
import { type CopyPath, parseCopyPath } from '../../copy/copy-paths.ts';
import { containerPeer } from '../../copy/copy-peer.ts';
import { copyToContainer } from '../../copy/copy-to.ts';
import { CliError, EXIT } from '../../failure.ts';
import { humanSize } from '../../format/size.ts';

interface CopyOptions {
  readonly archive?: boolean;
  readonly followLink?: boolean;
  readonly quiet?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<source-path>', "CONTAINER:PATH, a path of this host, or '-' for a tar on standard input")
    .argument('<destination-path>', "a path of this host, '-' for a tar on standard output, or CONTAINER:PATH")
    .option('-a, --archive', 'keep owners')
    .option('-L, --follow-link', 'copy what a link leads to, if the source is one')
    .option('-q, --quiet', "don't say what was copied")
    .action(async (source: string, destination: string, options: CopyOptions) => {
      const bytes = await copy(cli, parseCopyPath(source), parseCopyPath(destination), options);
      if (options.quiet !== true && destination !== '-') {
        await complain(cli, `Successfully copied ${humanSize(bytes)} to ${destination}`);
      }
    });
}

async function copy(cli: Cli, source: CopyPath, destination: CopyPath, options: CopyOptions): Promise<number> {
  const { archive: keepOwners = false, followLink = false } = options;
  if (source.kind === 'container' && destination.kind === 'container') {
    throw refused('copying between containers is not supported', "'gantry cp A:PATH - | gantry cp - B:DIR' does it");
  }
  const rules = { keepOwners, followLink };
  return await withClient(EngineClient, cli, async (engine) => {
    if (source.kind === 'container' && destination.kind !== 'container') {
      return await copyFromContainer(cli, containerPeer(engine, source.reference), source.path, destination, rules);
    }
    if (source.kind !== 'container' && destination.kind === 'container') {
      const peer = containerPeer(engine, destination.reference);
      return await copyToContainer(cli, source, peer, destination.path, rules);
    }
    throw refused('neither path is in a container', 'write one as CONTAINER:PATH');
  });
}

function refused(message: string, hint: string): CliError {
  return new CliError(message, { hint, exitCode: EXIT.failed });
}
