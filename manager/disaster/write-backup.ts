/** Makes a backup of a state, piece by piece. */
import { type CipherGCM, createCipheriv, subtle } from 'node:crypto';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { RandomBytes } from '../../proto/ids.ts';
import { BACKUP_FORMAT, type BackupHeader, backupKey, encodeHeader } from './backup-format.ts';

export interface BackupSource {
  readonly clusterId: string;
  readonly index: number;
  readonly term: number;
  readonly data: Uint8Array;
  /** Seals the backup; undefined without autolock. */
  readonly unlockKey: Uint8Array | undefined;
  readonly nowMs: number;
  readonly random: RandomBytes;
}

const SALT_BYTES = 32;
const NONCE_BYTES = 12;
/** What is compressed at a time, on another thread. */
const SLICE_BYTES = 256 * 1024;

export async function* writeBackup(source: BackupSource): AsyncGenerator<Buffer, void, undefined> {
  const { unlockKey, random } = source;
  const seal = unlockKey === undefined ? undefined : { salt: random(SALT_BYTES), nonce: random(NONCE_BYTES) };
  const line = encodeHeader(await headerOf(source, seal));
  yield line;
  if (unlockKey === undefined || seal === undefined) {
    yield* compressed(source.data);
    return;
  }
  const cipher = createCipheriv('aes-256-gcm', backupKey(unlockKey, seal.salt), seal.nonce).setAAD(line);
  yield* sealed(compressed(source.data), cipher);
}

async function headerOf(
  { clusterId, index, term, data, nowMs }: BackupSource,
  seal: { readonly salt: Buffer; readonly nonce: Buffer } | undefined,
): Promise<BackupHeader> {
  return {
    gantryBackup: BACKUP_FORMAT,
    clusterId,
    createdAt: new Date(nowMs).toISOString(),
    index,
    term,
    bytes: data.byteLength,
    sha256: await sha256Of(data),
    sealed: seal === undefined ? null : { salt: seal.salt.toString('base64'), nonce: seal.nonce.toString('base64') },
  };
}

/** On another thread: a large state would hold up everything else. */
export async function sha256Of(data: Uint8Array): Promise<string> {
  return Buffer.from(await subtle.digest('SHA-256', data as Uint8Array<ArrayBuffer>)).toString('hex');
}

function compressed(data: Uint8Array): AsyncIterable<Buffer> {
  return Readable.from(slices(data)).pipe(createGzip());
}

function* slices(data: Uint8Array): Generator<Buffer> {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  for (let begin = 0; begin < bytes.byteLength; begin += SLICE_BYTES) yield bytes.subarray(begin, begin + SLICE_BYTES);
}

async function* sealed(parts: AsyncIterable<Buffer>, cipher: CipherGCM): AsyncGenerator<Buffer> {
  for await (const part of parts) yield cipher.update(part);
  yield Buffer.concat([cipher.final(), cipher.getAuthTag()]);
}
