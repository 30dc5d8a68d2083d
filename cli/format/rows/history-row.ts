/** What an image was made by, as `history` lists it. */
import type { ImageHistoryEntry } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { ago, rfc3339 } from '../duration.ts';
import type { Listing } from '../listing.ts';
import { humanSize } from '../size.ts';
import { ellipsis, shortId } from '../table.ts';

const HEADINGS = {
  ID: 'IMAGE',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  CreatedBy: 'CREATED BY',
  Size: 'SIZE',
  Comment: 'COMMENT',
};

const CREATED_BY_LENGTH = 45;
const MISSING = '<missing>';

export interface HistoryRowOptions {
  readonly truncate: boolean;
  /** Sizes and times rounded for readers; else bytes, and points of time. */
  readonly human: boolean;
  readonly nowMs: number;
}

export function historyListing(human: boolean): Listing {
  const created = human ? 'CreatedSince' : 'CreatedAt';
  return {
    headings: HEADINGS,
    defaultTable: `{{.ID}}\t{{.${created}}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`,
    quietField: 'ID',
  };
}

export function historyRow(entry: ImageHistoryEntry, { truncate, human, nowMs }: HistoryRowOptions): Fields {
  const createdAt = entry.createdAtMs === 0 ? '' : rfc3339(entry.createdAtMs).replace(/\.\d+Z$/, 'Z');
  const since = entry.createdAtMs === 0 ? 'N/A' : ago(entry.createdAtMs, nowMs);
  const createdBy = entry.createdBy.replaceAll('\t', ' ');
  const id = truncate ? shortId(entry.id) : entry.id;
  return {
    Comment: entry.comment,
    CreatedAt: createdAt,
    CreatedBy: truncate ? ellipsis(createdBy, CREATED_BY_LENGTH) : createdBy,
    CreatedSince: human ? since : createdAt,
    ID: id === '' ? MISSING : id,
    Size: human ? humanSize(entry.sizeBytes) : String(entry.sizeBytes),
  };
}
