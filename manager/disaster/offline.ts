/**
 * `gantry-manager recover` and `gantry-manager restore`: what is done to a log while no manager runs on it. Both are
 * started by gantryd: the first line of their input is the unlock key, or empty, and their output is one line of JSON:
 * a result, or an error's detail.
 */
import { Command } from 'commander';
import { pino } from 'pino';
import { encodeErrorDetail, toGantryError } from '../../proto/errors.ts';
import { parseUnlockKey } from '../encryption/unlock-key.ts';
import { recoverLog } from './recover.ts';
import { restoreLog } from './restore.ts';

interface Flags {
  readonly dir: string;
  readonly nodeId: string;
}

interface Input {
  readonly unlockKey: Uint8Array | undefined;
  /** What follows the first line. */
  readonly rest: Buffer;
}

const OPERATIONS = {
  recover: async (flags: Flags, { unlockKey }: Input) => {
    await recoverLog({ ...flags, unlockKey, nowMs: Date.now(), logger: quiet });
    return {};
  },
  restore: (flags: Flags, { unlockKey, rest: backup }: Input) =>
    restoreLog({ ...flags, unlockKey, backup, nowMs: Date.now(), logger: quiet }),
} as const;

type Operation = keyof typeof OPERATIONS;

/** Nobody reads what the store would log of a state that is only read. */
const quiet = pino({ level: 'silent' });

export function isOffline(word: string | undefined): word is Operation {
  return word !== undefined && word in OPERATIONS;
}

/** `argv`: what follows the operation's name. Resolves to the exit code. */
export async function runOffline(operation: Operation, argv: readonly string[]): Promise<number> {
  const command = new Command(`gantry-manager ${operation}`)
    .requiredOption('--dir <dir>', "the log's directory")
    .requiredOption('--node-id <id>', 'the id of this node');
  const flags = command.parse(argv, { from: 'user' }).opts<Flags>();
  try {
    const result = await OPERATIONS[operation](flags, await readInput(process.stdin));
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return 0;
  } catch (error) {
    process.stdout.write(`${encodeErrorDetail(toGantryError(error))}\n`);
    return 1;
  }
}

async function readInput(stream: AsyncIterable<Buffer>): Promise<Input> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  const all = Buffer.concat(parts);
  const end = all.indexOf('\n');
  const line = all.subarray(0, Math.max(end, 0)).toString();
  return { unlockKey: line === '' ? undefined : parseUnlockKey(line), rest: all.subarray(end + 1) };
}
