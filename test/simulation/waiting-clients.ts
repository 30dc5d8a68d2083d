/** The clients that wait for an answer at one process: until it has applied what they wrote, or what they have to see. */
import type { ReadState } from '../../manager/raft/message.ts';
import type { Counter } from './counter.ts';
import type { ClientId, WriteId } from './operation.ts';

export type Done = (version: number) => void;

interface WaitingWrite {
  readonly write: WriteId;
  readonly done: Done;
}

interface WaitingRead {
  /** What has to be applied before the state may be read; undefined while the leader hasn't said. */
  index: number | undefined;
  readonly done: Done;
}

export class WaitingClients {
  readonly #writes = new Map<ClientId, WaitingWrite>();
  readonly #reads = new Map<string, WaitingRead>();

  addWrite(write: WriteId, done: Done): void {
    this.#writes.set(write.client, { write, done });
  }

  addRead(context: string, done: Done): void {
    this.#reads.set(context, { index: undefined, done });
  }

  /** The client waits no longer. */
  forget(client: ClientId, context: string): void {
    this.#writes.delete(client);
    this.#reads.delete(context);
  }

  /** The leader has said what the reads have to see. */
  answered(states: readonly ReadState[]): void {
    for (const { context, index } of states) {
      const read = this.#reads.get(Buffer.from(context).toString());
      if (read !== undefined) read.index = index;
    }
  }

  /** Everything up to `applied` is in the state. */
  settle({ counter, applied }: { readonly counter: Counter; readonly applied: number }): void {
    for (const [client, { write, done }] of this.#writes) {
      const version = counter.versionOf(write);
      if (version === undefined) continue;
      this.#writes.delete(client);
      done(version);
    }
    for (const [context, { index, done }] of this.#reads) {
      if (index === undefined || index > applied) continue;
      this.#reads.delete(context);
      done(counter.version);
    }
  }
}
