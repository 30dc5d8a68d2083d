/** What an image was made by, as `history` shows it. Pure. */
import type { ImageHistoryEntry } from '../../proto/generated/gantry/v1/engine.ts';
import type { HistoryEntry } from './image-config.ts';
import type { ImageRecord } from './image-index.ts';

/**
 * Newest first. Layers belong to the entries that have made one; of an image whose history is too short, the lowest layers have
 * entries of their own that say nothing. `sizes`: of the layers, lowest first; `tags`: of the image.
 */
export function imageHistory(
  { id, document }: Pick<ImageRecord, 'id' | 'document'>,
  sizes: readonly number[],
  tags: readonly string[],
): ImageHistoryEntry[] {
  const left = [...sizes];
  const entries = document.history
    .toReversed()
    .map((entry) => describe(entry, entry.empty_layer === true ? 0 : (left.pop() ?? 0)));
  const untold = left.toReversed().map((size) => describe({}, size));
  return [...entries, ...untold].map((entry, index) => (index === 0 ? { ...entry, id, tags: [...tags] } : entry));
}

function describe({ created, created_by, comment }: HistoryEntry, sizeBytes: number): ImageHistoryEntry {
  const time = Date.parse(created ?? '');
  return {
    id: '',
    createdAtMs: Number.isNaN(time) ? 0 : time,
    createdBy: created_by ?? '',
    sizeBytes,
    comment: comment ?? '',
    tags: [],
  };
}
