/** How large entries are: what a program put into them, and what they take in a message. */
import type { ConfigChange, Entry, Proposal } from '../message.ts';

/** Bytes of what was proposed; 0 for the entries that the core makes by itself. */
export function payloadBytes(entry: Entry | Proposal): number {
  return entry.kind === 'normal' ? entry.data.byteLength : changeBytes(entry.change);
}

export function totalPayloadBytes(entries: readonly (Entry | Proposal)[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += payloadBytes(entry);
  return bytes;
}

/** Bytes in a message: kind, term, index and payload, each with its tag, numbers as variable-length integers. */
export function entryBytes(entry: Entry): number {
  const payload = payloadBytes(entry);
  const header = 2 + 1 + varintBytes(entry.term) + 1 + varintBytes(entry.index);
  return payload === 0 ? header : header + 1 + varintBytes(payload) + payload;
}

export function totalEntryBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}

function changeBytes({ changes, context }: ConfigChange): number {
  let bytes = context.byteLength;
  for (const { node } of changes) bytes += node.length + 4;
  return bytes;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}
