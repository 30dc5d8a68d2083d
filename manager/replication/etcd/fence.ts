/** Writes that happen only while a leader of one term leads, whatever it believes itself, and however late they arrive. */
import type { ICompare, IRequestOp } from 'etcd3';
import type { EtcdConnection } from './connection.ts';
import type { Keys } from './keys.ts';
import { writtenAt } from './operations.ts';

export class Fence {
  readonly term: number;
  readonly #connection: EtcdConnection;
  readonly #keys: Keys;

  constructor(connection: EtcdConnection, keys: Keys, term: number) {
    this.#connection = connection;
    this.#keys = keys;
    this.term = term;
  }

  /**
   * Does all of `operations`, or nothing and gives undefined when this term is over or `conditions` don't hold. The revision
   * otherwise. Throws UNAVAILABLE when nobody knows.
   */
  async write(operations: IRequestOp[], conditions: readonly ICompare[] = []): Promise<number | undefined> {
    const compare = [writtenAt(this.#keys.leader, this.term), ...conditions];
    const { succeeded, header } = await this.#connection.txn({ compare, success: operations });
    return succeeded ? Number(header.revision) : undefined;
  }
}
