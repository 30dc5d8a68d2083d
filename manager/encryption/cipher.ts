/**
 * AES-256-GCM (NIST SP 800-38D) over named contents. The name is authenticated but not part of the record, so that a
 * record which lies in another's place is found out like a changed one.
 */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type DecipherGCM,
  type KeyObject,
  randomFillSync,
} from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

export const KEY_BYTES = 32;
const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** All that a sealed record is longer than its content. */
export const SEAL_BYTES = NONCE_BYTES + TAG_BYTES;

/** Of a large content: takes a millisecond or less. */
const SLICE_BYTES = 512 * 1024;

/** A key object, not its bytes: with bytes each record would pay for the key's set-up, 16 µs instead of 5. */
export function cipherKey(bytes: Uint8Array): KeyObject {
  return createSecretKey(bytes);
}

const NO_HEADER = Buffer.alloc(0);

/**
 * Header (as it is), nonce, ciphertext, tag. A random nonce of 96 bits is safe for 2^32 records of one key
 * (SP 800-38D, 8.3).
 */
export function encrypt(key: KeyObject, name: string, content: Uint8Array, header: Buffer = NO_HEADER): Buffer {
  const nonce = nextNonce();
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(name));
  const body = cipher.update(content);
  cipher.final();
  return Buffer.concat([header, nonce, body, cipher.getAuthTag()], header.byteLength + SEAL_BYTES + body.byteLength);
}

/** As `encrypt`, in slices. The content must not change meanwhile. */
export async function encryptLarge(
  key: KeyObject,
  name: string,
  content: Uint8Array,
  header: Buffer = NO_HEADER,
): Promise<Buffer> {
  const record = Buffer.allocUnsafeSlow(header.byteLength + SEAL_BYTES + content.byteLength);
  const nonce = nextNonce();
  let end = header.copy(record);
  end += nonce.copy(record, end);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(name));
  for (let begin = 0; begin < content.byteLength; begin += SLICE_BYTES) {
    if (begin > 0) await nextTurn();
    end += cipher.update(content.subarray(begin, begin + SLICE_BYTES)).copy(record, end);
  }
  cipher.final();
  cipher.getAuthTag().copy(record, end);
  return record;
}

/** Of a record without its header. Undefined when key, name and record don't belong together. */
export function decrypt(key: KeyObject, name: string, record: Uint8Array): Buffer | undefined {
  const opened = beginDecrypting(key, name, record);
  if (opened === undefined) return undefined;
  const content = opened.decipher.update(opened.body);
  return isAuthentic(opened.decipher) ? content : undefined;
}

/** As `decrypt`, in slices. The record must not change meanwhile. */
export async function decryptLarge(key: KeyObject, name: string, record: Uint8Array): Promise<Buffer | undefined> {
  const opened = beginDecrypting(key, name, record);
  if (opened === undefined) return undefined;
  const { decipher, body } = opened;
  const content = Buffer.allocUnsafeSlow(body.byteLength);
  for (let begin = 0; begin < body.byteLength; begin += SLICE_BYTES) {
    if (begin > 0) await nextTurn();
    decipher.update(body.subarray(begin, begin + SLICE_BYTES)).copy(content, begin);
  }
  return isAuthentic(decipher) ? content : undefined;
}

function beginDecrypting(key: KeyObject, name: string, record: Uint8Array) {
  const end = record.byteLength - TAG_BYTES;
  if (end < NONCE_BYTES) return undefined;
  const decipher = createDecipheriv(ALGORITHM, key, record.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(name));
  decipher.setAuthTag(record.subarray(end));
  return { decipher, body: record.subarray(NONCE_BYTES, end) };
}

function isAuthentic(decipher: DecipherGCM): boolean {
  try {
    decipher.final();
    return true;
  } catch {
    // All that final() can find wrong is the tag.
    return false;
  }
}

/** Random bytes by the page: a system call for each nonce would cost as much as the encryption. */
const pool = Buffer.alloc(NONCE_BYTES * 256);
let taken = pool.byteLength;

function nextNonce(): Buffer {
  if (taken === pool.byteLength) {
    randomFillSync(pool);
    taken = 0;
  }
  taken += NONCE_BYTES;
  return pool.subarray(taken - NONCE_BYTES, taken);
}
