/**
 * The keys of a log in etcd, all under one prefix:
 *
 *     PREFIX/format                         version of all this; made with the cluster
 *     PREFIX/end                            index of the last record, so that finding it costs one small read
 *     PREFIX/log/INDEX                      records, see record.ts
 *     PREFIX/snapshot                       which snapshot counts; written after all of its chunks
 *     PREFIX/snapshots/INDEX-TERM/CHUNK
 *     PREFIX/cluster/leader                 with the leader's lease; its mod_revision is the term, and the fence of all that it writes
 *     PREFIX/cluster/members/ID
 *     PREFIX/cluster/alive/ID               with that member's lease
 */

/** Of the greatest index that a JavaScript number holds exactly there are 16; etcd's own revisions have up to 19. */
const INDEX_DIGITS = 20;
const CHUNK_DIGITS = 6;

/** From `key` up to but without `range_end`, as etcd's requests have it. */
export interface KeyRange {
  readonly key: Buffer;
  readonly range_end: Buffer;
}

export class Keys {
  readonly format: Buffer;
  readonly end: Buffer;
  readonly snapshot: Buffer;
  readonly leader: Buffer;
  /** Leader, members, and which of them are alive. */
  readonly cluster: KeyRange;
  readonly snapshots: KeyRange;
  readonly #prefix: string;

  /** `prefix`: without a slash at its end. */
  constructor(prefix: string) {
    this.#prefix = prefix;
    this.format = this.#key('format');
    this.end = this.#key('end');
    this.snapshot = this.#key('snapshot');
    this.leader = this.#key('cluster/leader');
    this.cluster = this.#folder('cluster');
    this.snapshots = this.#folder('snapshots');
  }

  record(index: number): Buffer {
    return this.#key(`log/${digits(index, INDEX_DIGITS)}`);
  }

  /** All records from this index on. */
  recordsFrom(index: number): KeyRange {
    return { key: this.record(index), range_end: this.#folder('log').range_end };
  }

  /** All records before this index. */
  recordsBefore(index: number): KeyRange {
    return { key: this.#folder('log').key, range_end: this.record(index) };
  }

  indexOf(record: Buffer): number {
    return Number(record.subarray(-INDEX_DIGITS).toString());
  }

  /** The folder of the chunks of the snapshot at this index that the leader of this term has written. */
  chunks(index: number, term: number): KeyRange {
    return this.#folder(snapshotFolder(index, term));
  }

  chunk(index: number, term: number, number: number): Buffer {
    return this.#key(`${snapshotFolder(index, term)}/${digits(number, CHUNK_DIGITS)}`);
  }

  member(id: string): Buffer {
    return this.#key(`cluster/members/${id}`);
  }

  alive(id: string): Buffer {
    return this.#key(`cluster/alive/${id}`);
  }

  /** What a key of `cluster` is about; undefined for one that this version doesn't know. */
  clusterKey(key: Buffer): ClusterKey | undefined {
    const [kind, ...rest] = key.toString().slice(`${this.#prefix}/cluster/`.length).split('/');
    const id = rest.join('/');
    if (kind === 'leader' && id === '') return { kind };
    return (kind === 'members' || kind === 'alive') && id !== '' ? { kind, id } : undefined;
  }

  #key(path: string): Buffer {
    return Buffer.from(`${this.#prefix}/${path}`);
  }

  #folder(path: string): KeyRange {
    // The character after "/" ends the range.
    return { key: this.#key(`${path}/`), range_end: this.#key(`${path}0`) };
  }
}

export type ClusterKey =
  | { readonly kind: 'leader' }
  | { readonly kind: 'members'; readonly id: string }
  | { readonly kind: 'alive'; readonly id: string };

function snapshotFolder(index: number, term: number): string {
  return `snapshots/${digits(index, INDEX_DIGITS)}-${term}`;
}

function digits(number: number, count: number): string {
  return String(number).padStart(count, '0');
}
