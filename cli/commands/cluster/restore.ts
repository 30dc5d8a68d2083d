import type { Command } from 'commander';
import {
  type ClusterRestoreOptions,
  type ClusterRestoreRequest,
  type ClusterRestoreResponse,
  NodeAgentClient,
} from '../../../proto/generated/gantry/v1/node.ts';
import { type Cli, printLine } from '../../cli.ts';
import { upload, withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { openInput } from '../../input.ts';
import { declareUnlockKeyFile, type UnlockKeyOption, unlockKeyOf } from './unlock-key-option.ts';

interface RestoreOptions extends UnlockKeyOption {
  readonly advertiseAddr: string;
  readonly force?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<file>', "what 'gantry cluster backup' has written, or '-' for standard input")
    .option('--advertise-addr <address>', 'IP[:PORT] that other nodes reach this one at', '')
    .option('-f, --force', 'also on a node that is in a cluster: all that the backup does not have is lost')
    .action(async (file: string, options: RestoreOptions) => {
      const parts = openInput(cli, file, 'name a file or pipe the backup in')[Symbol.asyncIterator]();
      const first = (await parts.next()).value ?? Buffer.alloc(0);
      const unlockKey = isSealed(first) ? await keyOf(cli, file, options) : '';
      const request = { force: options.force ?? false, unlockKey, advertiseAddr: options.advertiseAddr };
      const { nodeId } = await withClient(NodeAgentClient, cli, (agent) =>
        upload<ClusterRestoreRequest, ClusterRestoreResponse>(
          (done) => agent.clusterRestore(done),
          toMessages(request, first, parts),
        ),
      );
      await printLine(cli, `Cluster restored: this node (${nodeId}) is its only manager.`);
    });
  declareUnlockKeyFile(command);
}

/** As the backup's first line says. */
function isSealed(first: Buffer): boolean {
  return /^\{"gantryBackup":[^\n]*"sealed":\{/.test(first.toString('latin1'));
}

function keyOf(cli: Cli, file: string, options: UnlockKeyOption): Promise<string> {
  if (file === '-' && options.unlockKeyFile === undefined) {
    throw new CliError('the backup is sealed with the unlock key of its cluster', {
      hint: 'give it with --unlock-key-file',
    });
  }
  return unlockKeyOf(cli, options);
}

async function* toMessages(
  options: ClusterRestoreOptions,
  first: Buffer,
  rest: AsyncIterator<Buffer>,
): AsyncGenerator<ClusterRestoreRequest> {
  yield { message: { $case: 'options', value: options } };
  if (first.byteLength > 0) yield { message: { $case: 'data', value: first } };
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    yield { message: { $case: 'data', value: next.value } };
  }
}
