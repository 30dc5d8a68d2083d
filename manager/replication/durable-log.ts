/**
 * The Raft log on disk: an LMDB environment with the entries by index, the hard state, and the latest snapshot. LMDB
 * commits atomically, so a crash in the middle of a write leaves the state before it; nothing is ever half there. All
 * but the format version is sealed.
 */
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { GantryError } from '../../proto/errors.ts';
import { MemoryStorage } from '../raft/log/memory-storage.ts';
import type { Entry, HardState, Snapshot } from '../raft/message.ts';
import { Slices } from '../slices.ts';
import { LOG_FILE } from './log-file.ts';
import type { PeerAddress } from './peers/transport.ts';
import { checksumSealer, decodeEntry, encodeEntry } from './record.ts';
import type { Sealer } from './sealer.ts';

/** Of what this manager alone reads; docs/decisions/0003-format-versions.md tells it from what managers send each other. */
const FORMAT_VERSION = 2;

const SNAPSHOT_DATA = 'snapshot-data';

/** Entries that one transaction removes: few enough that nobody is held up. */
const REMOVED_AT_ONCE = 500;

type RecordName = 'format' | 'owner' | 'hard-state' | 'compacted' | 'snapshot' | typeof SNAPSHOT_DATA;

/** A snapshot with the addresses of those who take part from there on. */
export interface StoredSnapshot extends Snapshot {
  readonly members: readonly PeerAddress[];
}

/** The last entry that isn't in the log any more. */
export interface Compacted {
  readonly index: number;
  readonly term: number;
}

/** All that a log has. */
export interface LogContent {
  readonly hardState: HardState;
  readonly snapshot: StoredSnapshot;
  /** Those after the snapshot. */
  readonly entries: readonly Entry[];
}

/** What a start finds. */
export interface LoadedLog {
  readonly storage: MemoryStorage;
  readonly members: readonly PeerAddress[];
}

/** What is written in one transaction. */
export interface LogWrite {
  readonly hardState: HardState | undefined;
  /** Over whatever there is from the first one's index on. */
  readonly entries: readonly Entry[];
}

export class DurableLog {
  readonly #dir: string;
  readonly #sealer: Sealer;
  readonly #owner: string;
  readonly #root: RootDatabase<Buffer, string>;
  readonly #entries: Database<Buffer, number>;
  readonly #records: Database<Buffer, RecordName>;
  /** Of the last snapshot that was given to be written. */
  #snapshotIndex = 0;
  /** Of the transaction that is being put together. */
  readonly #writes: Promise<boolean>[] = [];

  /** Opens or makes the files in `dir`, which exists and is locked by the caller. `owner`: the node whose log it is. */
  constructor(dir: string, sealer: Sealer, owner: string, file = LOG_FILE) {
    this.#dir = dir;
    this.#owner = owner;
    this.#sealer = sealer;
    try {
      // Without overlappingSync a commit resolves only once fdatasync has returned.
      this.#root = open({ path: join(dir, file), encoding: 'binary', overlappingSync: false });
      this.#entries = this.#root.openDB({ name: 'entries', encoding: 'binary' });
      this.#records = this.#root.openDB({ name: 'records', encoding: 'binary' });
    } catch (error) {
      throw this.#damaged('its file cannot be opened', error);
    }
  }

  /**
   * Everything there is, checked, read in slices: others in the process get their turns. Nothing may be written meanwhile.
   * Undefined when the log is new. CORRUPT, UNSUPPORTED; WRONG_STATE for another node's.
   */
  async load(): Promise<LoadedLog | undefined> {
    const format = this.#read('format');
    if (format === undefined) return undefined;
    this.#checkFormat(Number(format));
    this.#checkOwner();
    const { members, ...snapshot } = await this.#loadSnapshot();
    this.#snapshotIndex = snapshot.index;
    const compacted = this.#readJson<Compacted>('compacted');
    const storage = new MemoryStorage();
    storage.load(snapshot, compacted, await this.#loadEntries(compacted.index));
    const hardState = this.#readJson<HardState>('hard-state');
    const end = storage.lastIndex();
    if (hardState.commit > end || snapshot.index > end) throw this.#damaged('committed entries are missing at its end');
    storage.setHardState(hardState);
    return { storage, members };
  }

  /** Puts this content in the place of all there is, in one transaction. On disk when it resolves. */
  async reset({ hardState, snapshot, entries }: LogContent): Promise<void> {
    this.#snapshotIndex = snapshot.index;
    const data = await this.#sealSnapshot(snapshot);
    await this.#commit(() => {
      this.#replaceAll(snapshot, data, hardState);
      for (const entry of entries) this.#putEntry(entry);
    });
  }

  /** On disk when it resolves. `previousLast`: index of the last entry there was. */
  append({ hardState, entries }: LogWrite, previousLast: number): Promise<void> {
    return this.#commit(() => {
      for (const entry of entries) this.#putEntry(entry);
      const last = entries.at(-1)?.index ?? previousLast;
      for (let index = last + 1; index <= previousLast; index += 1) this.#writes.push(this.#entries.remove(index));
      if (hardState !== undefined) this.#writeJson('hard-state', hardState);
    });
  }

  /**
   * Writes a snapshot, and forgets the entries up to `compacted`. On disk when it resolves. Nothing happens when a later
   * one came first.
   */
  async compact(snapshot: StoredSnapshot, compacted: Compacted): Promise<void> {
    if (snapshot.index <= this.#snapshotIndex) return;
    this.#snapshotIndex = snapshot.index;
    const data = await this.#sealSnapshot(snapshot);
    if (this.#snapshotIndex !== snapshot.index) return;
    await this.#commit(() => {
      this.#writeSnapshot(snapshot, data);
      this.#writeJson('compacted', compacted);
    });
    await this.#removeEntries(compacted.index);
  }

  /** Those that a start doesn't read any more. What a crash leaves of them goes with the next snapshot's. */
  async #removeEntries(last: number): Promise<void> {
    for (;;) {
      const indexes = [...this.#entries.getKeys({ end: last + 1, limit: REMOVED_AT_ONCE })];
      if (indexes.length === 0) return;
      await this.#commit(() => {
        for (const index of indexes) this.#writes.push(this.#entries.remove(index));
      });
    }
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  /** One LMDB transaction for all that `write` puts and removes. */
  async #commit(write: () => void): Promise<void> {
    const batch = this.#root.batch(write);
    try {
      // Each write has a promise of its own, which fails with the transaction.
      await Promise.all([batch, ...this.#writes.splice(0)]);
    } catch (error) {
      const reason = await commitFailure(error);
      throw new GantryError('HOST', `the log in ${this.#dir} cannot be written: ${reason}`, {
        hint: 'see that its disk has space and no errors',
        cause: error,
      });
    }
  }

  #checkFormat(version: number): void {
    if (version === FORMAT_VERSION) return;
    throw new GantryError(
      'UNSUPPORTED',
      `the log in ${this.#dir} has format ${version}, which this version does not know`,
      {
        hint: 'run the newer version of gantryd that wrote it',
      },
    );
  }

  #checkOwner(): void {
    const owner = this.#read('owner')?.toString();
    if (owner === this.#owner) return;
    throw new GantryError('WRONG_STATE', `the log in ${this.#dir} belongs to node ${owner}, not to ${this.#owner}`, {
      hint: 'give this node a data root of its own',
    });
  }

  async #loadSnapshot(): Promise<StoredSnapshot> {
    const about = this.#readJson<Omit<StoredSnapshot, 'data'>>('snapshot');
    const record = this.#records.get(SNAPSHOT_DATA);
    if (record === undefined) throw this.#damaged('its snapshot is missing');
    const data = await this.#sealerOf(SNAPSHOT_DATA).unsealLarge(SNAPSHOT_DATA, Buffer.from(record));
    if (data === undefined) throw this.#damaged(`the checksum of its ${SNAPSHOT_DATA} does not fit`);
    return { ...about, data };
  }

  async #loadEntries(after: number): Promise<Entry[]> {
    const entries: Entry[] = [];
    const slices = new Slices();
    while (this.#loadSlice(after, entries, slices) === 'more') await slices.pause();
    return entries;
  }

  /** Adds entries until it is time for others. A cursor of its own for each slice: LMDB's don't outlive a turn. */
  #loadSlice(after: number, entries: Entry[], slices: Slices): 'more' | 'all' {
    for (const { key, value } of this.#entries.getRange({ start: after + entries.length + 1 })) {
      const index = after + entries.length + 1;
      if (key !== index) throw this.#damaged(`entry ${index} is missing`);
      // Copied: LMDB's own memory is only valid until the next read.
      const entry = decodeEntry(this.#sealer, index, Buffer.from(value));
      if (entry === undefined) throw this.#damaged(`the checksum of entry ${index} does not fit`);
      entries.push(entry);
      if (slices.spend(value.byteLength, 1)) return 'more';
    }
    return 'all';
  }

  #replaceAll(snapshot: StoredSnapshot, data: Buffer, hardState: HardState): void {
    for (const index of this.#entries.getKeys()) this.#writes.push(this.#entries.remove(index));
    this.#write('format', Buffer.from(String(FORMAT_VERSION)));
    this.#write('owner', Buffer.from(this.#owner));
    this.#writeSnapshot(snapshot, data);
    this.#writeJson('compacted', { index: snapshot.index, term: snapshot.term });
    this.#writeJson('hard-state', hardState);
  }

  #sealSnapshot({ data }: StoredSnapshot): Promise<Buffer> {
    return this.#sealerOf(SNAPSHOT_DATA).sealLarge(SNAPSHOT_DATA, data);
  }

  /** `sealed`: its data. */
  #writeSnapshot({ data: _, ...about }: StoredSnapshot, sealed: Buffer): void {
    this.#writeJson('snapshot', about);
    this.#writes.push(this.#records.put(SNAPSHOT_DATA, sealed));
  }

  #putEntry(entry: Entry): void {
    this.#writes.push(this.#entries.put(entry.index, encodeEntry(this.#sealer, entry)));
  }

  #write(name: RecordName, content: Uint8Array): void {
    this.#writes.push(this.#records.put(name, this.#sealerOf(name).seal(name, content)));
  }

  #writeJson(name: RecordName, content: object): void {
    this.#write(name, Buffer.from(JSON.stringify(content)));
  }

  /** Undefined when there is no such record. */
  #read(name: RecordName): Buffer | undefined {
    const record = this.#records.get(name);
    if (record === undefined) return undefined;
    const content = this.#sealerOf(name).unseal(name, Buffer.from(record));
    if (content === undefined) throw this.#damaged(`the checksum of its ${name} does not fit`);
    return content;
  }

  /** The format comes before everything else: it must be readable also by versions that seal otherwise. */
  #sealerOf(name: RecordName): Sealer {
    return name === 'format' ? checksumSealer : this.#sealer;
  }

  #readJson<Content>(name: RecordName): Content {
    const content = this.#read(name);
    if (content === undefined) throw this.#damaged(`its ${name} is missing`);
    return JSON.parse(content.toString()) as Content;
  }

  #damaged(how: string, cause?: unknown): GantryError {
    return new GantryError('CORRUPT', `the replicated log in ${this.#dir} is damaged: ${how}`, {
      hint: 'restore the directory from a backup; without one, "gantry cluster leave --force" and begin a new cluster',
      cause,
    });
  }
}

/** LMDB's own reason is in a promise on the error, which is rejected with it. */
async function commitFailure(error: unknown): Promise<string> {
  try {
    if (error instanceof Error && 'commitError' in error) await error.commitError;
    return error instanceof Error ? error.message : String(error);
  } catch (reason) {
    return reason instanceof Error ? reason.message : String(reason);
  }
}
