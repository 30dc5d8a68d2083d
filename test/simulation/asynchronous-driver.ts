/**
 * What a node does with its Readies when storage writes are asynchronous: it takes one whenever there is one. One thread
 * persists and another applies, each in the order in which it is told to, and each answers when it has done so.
 */
import type { Message } from '../../manager/raft/message.ts';
import type { Ready } from '../../manager/raft/raw-node.ts';
import type { AppendWrite, ApplyWrite, StorageDone } from '../../manager/raft/storage-writes.ts';
import type { Driven, Driver } from './driver.ts';
import type { SimulatedMs } from './scheduler.ts';

export class AsynchronousDriver implements Driver {
  readonly #driven: Driven;
  readonly #applyDelay: () => SimulatedMs;
  readonly #toApply: ApplyWrite[] = [];

  /** `applyDelay`: how long it takes to apply what is to be applied next. */
  constructor(driven: Driven, applyDelay: () => SimulatedMs) {
    this.#driven = driven;
    this.#applyDelay = applyDelay;
  }

  wake(): void {
    while (this.#driven.raw.hasReady()) {
      const ready = this.#driven.raw.ready();
      this.#driven.took(ready);
      this.#driven.send(ready.messages);
      for (const write of ready.writes) {
        if (write.type === 'storage-append') this.#persist(write, ready);
        else this.#applyLater(write);
      }
    }
  }

  #persist({ entries, hardState, snapshot, responses }: AppendWrite, { mustSync }: Ready): void {
    const transaction = { hardState, installed: snapshot, entries, taken: undefined };
    this.#driven.queue.submit(transaction, mustSync || snapshot !== undefined, () => {
      this.#driven.persisted(transaction);
      if (snapshot !== undefined) this.#driven.apply({ snapshot, committedEntries: [] });
      this.#answer(responses);
    });
  }

  #applyLater(write: ApplyWrite): void {
    this.#toApply.push(write);
    if (this.#toApply.length === 1) this.#driven.later(this.#applyDelay(), () => this.#apply());
  }

  #apply(): void {
    const [next] = this.#toApply;
    if (next === undefined) return;
    this.#driven.apply({ snapshot: undefined, committedEntries: next.entries });
    this.#answer(next.responses);
    this.#toApply.shift();
    if (this.#toApply.length > 0) this.#driven.later(this.#applyDelay(), () => this.#apply());
  }

  /** What the threads have done counts now. */
  #answer(responses: readonly (Message | StorageDone)[]): void {
    const { raw, id } = this.#driven;
    for (const response of responses) {
      if (response.to === id || isDone(response)) raw.step(response);
      else this.#driven.send([response]);
    }
    this.#driven.observe();
    this.wake();
  }
}

function isDone(response: Message | StorageDone): response is StorageDone {
  return response.type === 'storage-append-done' || response.type === 'storage-apply-done';
}
