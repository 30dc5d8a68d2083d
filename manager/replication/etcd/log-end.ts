/** Where the log ends: the question that makes reads linearizable. Those who ask while one question is under way share the next. */
import { GantryError } from '../../../proto/errors.ts';
import type { EtcdConnection } from './connection.ts';
import type { Keys } from './keys.ts';

export class LogEnd {
  readonly #connection: EtcdConnection;
  readonly #keys: Keys;
  #asking: Promise<number> | undefined;
  #next: Promise<number> | undefined;

  constructor(connection: EtcdConnection, keys: Keys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  /** Index of the last record at a moment after the call. UNAVAILABLE, CORRUPT. */
  read(): Promise<number> {
    this.#next ??= this.#afterTheOneUnderWay();
    return this.#next;
  }

  async #afterTheOneUnderWay(): Promise<number> {
    await this.#asking?.catch(() => undefined);
    this.#asking = this.#next;
    this.#next = undefined;
    const found = await this.#connection.get(this.#keys.end);
    if (found !== undefined) return Number(found.value);
    throw new GantryError('CORRUPT', `the replicated log in ${this.#connection.name} is damaged: its end is missing`, {
      hint: 'restore etcd from a backup',
    });
  }
}
