/** Directories of what builds keep for later ones, each with a record of what it is and of how it is used. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildCacheUsage } from '../../proto/generated/gantry/v1/engine.ts';
import { asCount } from '../image/json-fields.ts';

export interface KeptUse {
  readonly sizeBytes: number;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  readonly usedAtMs: number;
  readonly uses: number;
}

/** Of a record's fields; `path` is its file's. Throws for what is none. */
export function parseUse(fields: Readonly<Record<string, unknown>>, path: string): KeptUse {
  return {
    sizeBytes: asCount(fields.sizeBytes, path),
    createdAtMs: asCount(fields.createdAtMs, path),
    usedAtMs: asCount(fields.usedAtMs, path),
    uses: asCount(fields.uses, path),
  };
}

/** Makes the directory if missing. Those in it whose record can be read, by name; what a crash cut off while it was made, or removed, goes. */
export async function openKept<Record>(
  directory: string,
  read: (name: string) => Promise<Record | undefined>,
): Promise<[name: string, record: Record][]> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const found: [string, Record][] = [];
  for (const name of await readdir(directory)) {
    const record = await read(name);
    if (record === undefined) await rm(join(directory, name), { recursive: true, force: true });
    else found.push([name, record]);
  }
  return found;
}

export function usageOf(known: ReadonlyMap<string, KeptUse>): BuildCacheUsage[] {
  return [...known].map(([id, { sizeBytes, createdAtMs, usedAtMs, uses }]) => ({
    ...{ id, sizeBytes, createdAtMs, usedAtMs, uses },
    shared: false,
  }));
}

export interface KeptLimits {
  readonly maxBytes: number;
  /** Small ones would never come to so many bytes. */
  readonly maxCount: number;
}

/** What is beyond the limits: what was used longest ago. */
export function excessOf(known: ReadonlyMap<string, KeptUse>, { maxBytes, maxCount }: KeptLimits): string[] {
  const byUse = [...known].sort(([, a], [, b]) => b.usedAtMs - a.usedAtMs);
  let bytes = 0;
  return byUse.flatMap(([name, { sizeBytes }], index) => {
    bytes += sizeBytes;
    return bytes > maxBytes || index >= maxCount ? [name] : [];
  });
}
