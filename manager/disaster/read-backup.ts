/** Reads a backup back, and believes nothing in it that isn't checked. */
import { createDecipheriv } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { GantryError } from '../../proto/errors.ts';
import { type BackupHeader, backupKey, damaged, type SplitBackup, splitBackup } from './backup-format.ts';
import { sha256Of } from './write-backup.ts';

const TAG_BYTES = 16;

export interface Backup {
  readonly header: BackupHeader;
  /** The state, as the store restores it. */
  readonly data: Uint8Array;
}

/**
 * INVALID_ARGUMENT when this is no backup or the unlock key isn't its; WRONG_STATE when it needs one and there is none;
 * CORRUPT, UNSUPPORTED.
 */
export async function readBackup(file: Buffer, unlockKey: Uint8Array | undefined): Promise<Backup> {
  const split = splitBackup(file);
  const data = await decompress(unseal(split, unlockKey), split.header.bytes);
  if (data.byteLength !== split.header.bytes || (await sha256Of(data)) !== split.header.sha256) {
    throw damaged('its checksum does not fit');
  }
  return { header: split.header, data };
}

function unseal({ header, line, body }: SplitBackup, unlockKey: Uint8Array | undefined): Uint8Array {
  if (header.sealed === null) return body;
  if (unlockKey === undefined) {
    throw new GantryError('WRONG_STATE', 'the backup is sealed: its cluster had autolock on', {
      hint: 'give the unlock key that the cluster had at the time',
    });
  }
  const key = backupKey(unlockKey, Buffer.from(header.sealed.salt, 'base64'));
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(header.sealed.nonce, 'base64')).setAAD(line);
  if (body.byteLength < TAG_BYTES) throw damaged('its end is missing');
  decipher.setAuthTag(body.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(body.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch (error) {
    throw new GantryError('INVALID_ARGUMENT', 'the backup cannot be opened with this unlock key', {
      hint: 'the key must be the one that the cluster had when the backup was made; else the file is damaged',
      cause: error,
    });
  }
}

/** No more than `bytes`, whatever the compressed form says. */
async function decompress(body: Uint8Array, bytes: number): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(body, { maxOutputLength: Math.max(bytes, 1) });
  } catch (error) {
    throw damaged('its content cannot be decompressed', error);
  }
}
