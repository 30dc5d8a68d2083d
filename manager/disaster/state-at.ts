/** The state that a log makes, while no manager runs on it. */
import type { Logger } from 'pino';
import type { MemoryStorage } from '../raft/log/memory-storage.ts';
import { decodeLogEntry } from '../replication/log-entry.ts';
import { StoreState } from '../store/state.ts';

/** After the entry at `index`, which is the snapshot's own or a later one. */
export async function stateAt(storage: MemoryStorage, index: number, logger: Logger): Promise<StoreState> {
  const state = new StoreState(logger);
  const snapshot = storage.snapshot();
  if (snapshot !== undefined && snapshot.index > 0) await state.restore(snapshot.index, snapshot.data);
  const after = Math.max(storage.firstIndex(), (snapshot?.index ?? 0) + 1);
  for (const entry of storage.entries(after, index + 1, Number.POSITIVE_INFINITY)) {
    if (entry.kind !== 'normal' || entry.data.byteLength === 0) continue;
    const content = decodeLogEntry(entry.index, entry.data);
    if (content.kind === 'change') state.apply(entry.index, content.data);
  }
  return state;
}
