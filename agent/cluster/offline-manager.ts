/** What gantry-manager does to a log on which no manager runs: `recover` and `restore`. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { decodeErrorDetail, GantryError, toGantryError } from '../../proto/errors.ts';
import { MANAGER_PROGRAM } from './manager-process.ts';

export interface OfflineOptions {
  /** Of the log. */
  readonly dir: string;
  readonly nodeId: string;
  /** Empty: none. */
  readonly unlockKey: string;
}

/** Resolves to the result; rejects with what the program answered, or with what `input` threw. */
export async function runOffline<Result>(
  operation: 'recover' | 'restore',
  { dir, nodeId, unlockKey }: OfflineOptions,
  input?: AsyncIterable<Uint8Array>,
): Promise<Result> {
  const flags = [operation, '--dir', dir, '--node-id', nodeId];
  const child = spawn(process.execPath, [MANAGER_PROGRAM, ...flags], { stdio: ['pipe', 'pipe', 'inherit'] });
  const output = text(child.stdout);
  const source = new Source(unlockKey, input);
  // A program that ends before it has read all has said why.
  await pipeline(source.parts(), child.stdin).catch(() => undefined);
  if (source.failure !== undefined) child.kill('SIGKILL');
  const answer = await output;
  if (source.failure !== undefined) throw source.failure;
  const error = decodeErrorDetail(answer);
  if (error !== undefined) throw error;
  if (answer === '') throw new GantryError('INTERNAL', `gantry-manager ${operation} ended without an answer`);
  return JSON.parse(answer) as Result;
}

/** What the program reads: a line with the unlock key, and the input after it. */
class Source {
  readonly #unlockKey: string;
  readonly #input: AsyncIterable<Uint8Array> | undefined;
  #failure: GantryError | undefined;

  constructor(unlockKey: string, input: AsyncIterable<Uint8Array> | undefined) {
    this.#unlockKey = unlockKey;
    this.#input = input;
  }

  /** Of the input. */
  get failure(): GantryError | undefined {
    return this.#failure;
  }

  async *parts(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(`${this.#unlockKey}\n`);
    if (this.#input === undefined) return;
    try {
      yield* this.#input;
    } catch (error) {
      this.#failure = toGantryError(error);
      throw error;
    }
  }
}
