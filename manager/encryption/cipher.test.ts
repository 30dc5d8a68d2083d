import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { cipherKey, decrypt, decryptLarge, encrypt, encryptLarge, KEY_BYTES, SEAL_BYTES } from './cipher.ts';

const key = cipherKey(randomBytes(KEY_BYTES));
const content = Buffer.from('the desired state');

describe('encrypt', () => {
  it('gives what decrypt takes back, of any size', () => {
    for (const size of [0, 1, 16, 100_000]) {
      const bytes = randomBytes(size);
      const record = encrypt(key, 'entry 1', bytes);
      expect(record.byteLength).toBe(size + SEAL_BYTES);
      expect(decrypt(key, 'entry 1', record)).toEqual(bytes);
    }
  });

  it('shows nothing of the content, and no two records alike', () => {
    const records = Array.from({ length: 1000 }, () => encrypt(key, 'entry 1', content));
    expect(new Set(records.map((record) => record.toString('hex'))).size).toBe(1000);
    expect(new Set(records.map((record) => record.subarray(0, 12).toString('hex'))).size).toBe(1000);
    expect(records.some((record) => record.includes('desired'))).toBe(false);
  });

  it('puts a header before the record', () => {
    const record = encrypt(key, 'entry 1', content, Buffer.from('head'));
    expect(record.subarray(0, 4).toString()).toBe('head');
    expect(decrypt(key, 'entry 1', record.subarray(4))).toEqual(content);
  });
});

describe('encryptLarge', () => {
  it('gives what decrypt takes back, after a header', async () => {
    for (const size of [0, 1, 3_000_000]) {
      const bytes = randomBytes(size);
      const record = await encryptLarge(key, 'snapshot', bytes, Buffer.from('head'));
      expect(record.byteLength).toBe(4 + size + SEAL_BYTES);
      expect(record.subarray(0, 4).toString()).toBe('head');
      expect(decrypt(key, 'snapshot', record.subarray(4))?.equals(bytes)).toBe(true);
      expect(decrypt(key, 'another', record.subarray(4))).toBeUndefined();
    }
  });

  it('uses no nonce twice, however many records are sealed meanwhile', async () => {
    const large = Array.from({ length: 50 }, () => encryptLarge(key, 'snapshot', content));
    const small = Array.from({ length: 1000 }, () => encrypt(key, 'entry 1', content));
    const records = [...(await Promise.all(large)), ...small];
    expect(new Set(records.map((record) => record.subarray(0, 12).toString('hex'))).size).toBe(1050);
    expect(records.slice(0, 50).every((record) => decrypt(key, 'snapshot', record)?.equals(content))).toBe(true);
  });
});

describe('decrypt', () => {
  it('refuses a record with any one bit flipped', () => {
    const record = encrypt(key, 'entry 1', content);
    for (let bit = 0; bit < record.byteLength * 8; bit += 1) {
      const changed = Buffer.from(record);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(decrypt(key, 'entry 1', changed)).toBeUndefined();
    }
  });

  it('refuses a record that was cut short, another name, and another key', () => {
    const record = encrypt(key, 'entry 1', content);
    for (let length = 0; length < record.byteLength; length += 1) {
      expect(decrypt(key, 'entry 1', record.subarray(0, length))).toBeUndefined();
    }
    expect(decrypt(key, 'entry 2', record)).toBeUndefined();
    expect(decrypt(cipherKey(randomBytes(KEY_BYTES)), 'entry 1', record)).toBeUndefined();
  });
});

describe('decryptLarge', () => {
  it('takes back what both made, of any size', async () => {
    for (const size of [0, 1, 512 * 1024, 3_000_000]) {
      const bytes = randomBytes(size);
      for (const record of [encrypt(key, 'snapshot', bytes), await encryptLarge(key, 'snapshot', bytes)]) {
        expect((await decryptLarge(key, 'snapshot', record))?.equals(bytes)).toBe(true);
      }
    }
  });

  it('refuses what is changed, cut short, or of another name', async () => {
    const record = encrypt(key, 'snapshot', randomBytes(1_000_000));
    const changed = Buffer.from(record);
    changed.writeUInt8(changed.readUInt8(900_000) ^ 1, 900_000);
    expect(await decryptLarge(key, 'snapshot', changed)).toBeUndefined();
    expect(await decryptLarge(key, 'snapshot', record.subarray(0, -1))).toBeUndefined();
    expect(await decryptLarge(key, 'snapshot', record.subarray(0, 20))).toBeUndefined();
    expect(await decryptLarge(key, 'another', record)).toBeUndefined();
  });
});
