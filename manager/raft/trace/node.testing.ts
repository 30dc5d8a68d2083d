/** One node of a trace: the core, its log in memory, a state machine that keeps all it is given, and writes under way. */
import type { RaftConfig } from '../config.ts';
import { MemoryStorage } from '../log/memory-storage.ts';
import { type Entry, type HardState, NO_CONFIGURATION, type PeerId, type Snapshot } from '../message.ts';
import { RawNode } from '../raw-node.ts';
import type { Ready } from '../ready.ts';
import type { AppendWrite, ApplyWrite } from '../storage-writes.ts';

/** Whoever asks for a snapshot gets that of the state as it is. */
class SnapshottingStorage extends MemoryStorage {
  readonly #latest: () => Snapshot;

  constructor(latest: () => Snapshot) {
    super();
    this.#latest = latest;
  }

  override snapshot(): Snapshot {
    return this.#latest();
  }
}

export class TraceNode {
  readonly id: PeerId;
  readonly raw: RawNode;
  readonly storage: MemoryStorage;
  readonly async: boolean;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly appends: AppendWrite[] = [];
  readonly applies: ApplyWrite[] = [];
  /** The state after the last entry applied. */
  #state: Snapshot;

  /** Begins from `bootstrap`, or with nothing. */
  constructor(config: Omit<RaftConfig, 'storage' | 'applied'>, bootstrap: Snapshot | undefined) {
    this.id = config.id;
    this.async = config.asyncStorageWrites ?? false;
    this.electionTicks = config.electionTicks;
    this.heartbeatTicks = config.heartbeatTicks;
    this.#state = bootstrap ?? { index: 0, term: 0, configuration: NO_CONFIGURATION, data: new Uint8Array() };
    this.storage = new SnapshottingStorage(() => this.#state);
    if (bootstrap !== undefined) this.storage.applySnapshot(bootstrap);
    this.raw = new RawNode({ ...config, storage: this.storage, applied: this.#state.index });
  }

  get state(): Snapshot {
    return this.#state;
  }

  /** Does, or with asynchronous writes notes, what the Ready asks of the storage. */
  process(ready: Ready): void {
    if (this.async) {
      for (const write of ready.writes) {
        if (write.type === 'storage-append') this.appends.push(write);
        else this.applies.push(write);
      }
      return;
    }
    this.append(ready);
    this.apply(ready.committedEntries);
    this.raw.advance();
  }

  append(write: { hardState: HardState | undefined; snapshot: Snapshot | undefined; entries: readonly Entry[] }): void {
    if (write.hardState !== undefined) this.storage.setHardState(write.hardState);
    if (write.snapshot !== undefined) this.storage.applySnapshot(write.snapshot);
    this.storage.append(write.entries);
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const { index, term } = entry;
      const { data } = this.#state;
      const configuration =
        entry.kind === 'config-change' ? this.raw.applyConfigChange(entry.change) : this.#state.configuration;
      const added = entry.kind === 'config-change' ? entry.change.context : entry.data;
      this.#state = { index, term, configuration, data: Buffer.concat([data, added]) };
    }
  }
}
