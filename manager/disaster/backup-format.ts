/**
 * The form of a backup: one line that says what it is, and the state after it.
 *
 *     {"gantryBackup":1,"clusterId":"...", ...} SHA-256 of the JSON before it
 *     gzip of the state, as the store's snapshots are
 *
 * Of a cluster with autolock the second part is sealed as a whole with AES-256-GCM: key HKDF-SHA256 of the unlock key
 * (RFC 5869), associated data the first line, and the tag at the end. Else whoever has the file reads all secrets.
 */
import { createHash, hkdfSync, type KeyObject } from 'node:crypto';
import { GantryError } from '../../proto/errors.ts';
import { cipherKey, KEY_BYTES } from '../encryption/cipher.ts';

/** Raised when an older program could misread what a newer one wrote. The state in it has a format of its own. */
export const BACKUP_FORMAT = 1;
/** The first line is well under 1 KiB; more than this is no backup. */
const MAX_HEADER_BYTES = 16 * 1024;

export interface BackupHeader {
  readonly gantryBackup: number;
  readonly clusterId: string;
  /** RFC 3339, in UTC. */
  readonly createdAt: string;
  /** Of the last entry that is in the state, and its term. */
  readonly index: number;
  readonly term: number;
  /** Of the state, before compression. */
  readonly bytes: number;
  readonly sha256: string;
  /** Base64; null: not sealed. */
  readonly sealed: { readonly salt: string; readonly nonce: string } | null;
}

/** With its line feed. */
export function encodeHeader(header: BackupHeader): Buffer {
  const json = JSON.stringify(header);
  return Buffer.from(`${json} ${sha256(json)}\n`);
}

export interface SplitBackup {
  readonly header: BackupHeader;
  /** The first line as it is. */
  readonly line: Buffer;
  readonly body: Buffer;
}

/** INVALID_ARGUMENT when this is no backup, CORRUPT, UNSUPPORTED. */
export function splitBackup(file: Buffer): SplitBackup {
  const end = file.subarray(0, MAX_HEADER_BYTES).indexOf('\n') + 1;
  const line = file.subarray(0, end);
  const [, json = '', digest = ''] = /^(\{"gantryBackup":.*\}) ([0-9a-f]{64})\n$/.exec(line.toString()) ?? [];
  if (json === '') {
    throw new GantryError('INVALID_ARGUMENT', 'this is no backup of a cluster', {
      hint: 'give a file that "gantry cluster backup" has written',
    });
  }
  if (sha256(json) !== digest) throw damaged('its first line was changed');
  const header = JSON.parse(json) as BackupHeader;
  if (header.gantryBackup !== BACKUP_FORMAT) {
    throw new GantryError(
      'UNSUPPORTED',
      `the backup has format ${header.gantryBackup}, which this version does not know`,
      {
        hint: 'restore it with the newer version of gantry that wrote it',
      },
    );
  }
  return { header, line, body: file.subarray(end) };
}

/** A key for one backup only. */
export function backupKey(unlockKey: Uint8Array, salt: Uint8Array): KeyObject {
  return cipherKey(new Uint8Array(hkdfSync('sha256', unlockKey, salt, 'gantry backup', KEY_BYTES)));
}

export function damaged(how: string, cause?: unknown): GantryError {
  return new GantryError('CORRUPT', `the backup is damaged: ${how}`, { hint: 'use another copy of it', cause });
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
