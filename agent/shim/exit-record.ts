/** The record that a shim leaves of its container's end: STATE_DIR/exit.json, and the last frame it sends. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import type { ExitRecord } from './shims.ts';

export const EXIT_RECORD = 'exit.json';

interface FullExitRecord extends ExitRecord {
  /** Log records that could not be written, as on a full disk. */
  readonly logBytesLost: number;
  /** Why the runtime's delete failed; empty when it didn't. */
  readonly deleteError: string;
}

/** Throws CORRUPT. What went wrong besides the exit is told to the logger. */
export function parseExitRecord(json: string, logger: Logger): ExitRecord {
  const record: unknown = JSON.parse(json);
  if (!isFullExitRecord(record)) throw new GantryError('CORRUPT', `the shim's exit record is unreadable: ${json}`);
  if (record.logBytesLost > 0) {
    logger.warn({ bytes: record.logBytesLost }, 'part of the container log could not be written');
  }
  if (record.deleteError !== '') {
    logger.warn({ error: record.deleteError }, 'the OCI runtime could not delete the container');
  }
  return { code: record.code, oomKilled: record.oomKilled, finishedAtMs: record.finishedAtMs };
}

function isFullExitRecord(value: unknown): value is FullExitRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { code, oomKilled, finishedAtMs, logBytesLost, deleteError } = value as Record<string, unknown>;
  return (
    typeof code === 'number' &&
    typeof oomKilled === 'boolean' &&
    typeof finishedAtMs === 'number' &&
    typeof logBytesLost === 'number' &&
    typeof deleteError === 'string'
  );
}

/** Undefined when the shim has left none. */
export async function readExitRecord(stateDir: string, logger: Logger): Promise<ExitRecord | undefined> {
  let json: string;
  try {
    json = await readFile(join(stateDir, EXIT_RECORD), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return parseExitRecord(json, logger);
}
