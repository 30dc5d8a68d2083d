import { describe, expect, it } from 'vitest';
import { seededRandom } from '../encryption/encryption.testing.ts';
import { encodeHeader, splitBackup } from './backup-format.ts';
import { readBackup } from './read-backup.ts';
import { type BackupSource, writeBackup } from './write-backup.ts';

const random = seededRandom('backup');
const unlockKey = random(32);
const data = Buffer.concat([Buffer.from('secret state '), random(300_000), Buffer.alloc(600_000)]);
const plain: BackupSource = { clusterId: 'c1', index: 7, term: 3, data, unlockKey: undefined, nowMs: 0, random };

async function fileOf(source: BackupSource): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of writeBackup(source)) parts.push(part);
  return Buffer.concat(parts);
}

describe('a backup', () => {
  it('gives back the state, and what it is', async () => {
    const file = await fileOf(plain);
    const backup = await readBackup(file, undefined);
    expect(Buffer.compare(backup.data, data)).toBe(0);
    expect(backup.header).toMatchObject({
      gantryBackup: 1,
      clusterId: 'c1',
      createdAt: '1970-01-01T00:00:00.000Z',
      index: 7,
      term: 3,
      bytes: data.byteLength,
      sealed: null,
    });
    expect(file.byteLength).toBeLessThan(400_000);
  });

  it('of an empty state is one too', async () => {
    const backup = await readBackup(await fileOf({ ...plain, data: Buffer.alloc(0) }), undefined);
    expect(backup.data.byteLength).toBe(0);
  });

  it('is sealed with the unlock key where there is one', async () => {
    const file = await fileOf({ ...plain, unlockKey });
    expect(Buffer.compare((await readBackup(file, unlockKey)).data, data)).toBe(0);
    await expect(readBackup(file, undefined)).rejects.toMatchObject({ code: 'WRONG_STATE' });
    await expect(readBackup(file, random(32))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it.each([
    ['plain', undefined],
    ['sealed', unlockKey],
  ])('%s is refused when any byte was changed, or it was cut short', async (_name, key) => {
    const file = await fileOf({ ...plain, data: data.subarray(0, 600), unlockKey: key });
    for (let at = 0; at < file.byteLength; at += 1) {
      const changed = Buffer.from(file);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      const read = await readBackup(changed, key).then(
        (backup) => backup.data,
        (error: unknown) => error,
      );
      // Gzip's own header has bytes that say nothing: then what is read is right all the same.
      if (read instanceof Uint8Array) expect(Buffer.compare(read, data.subarray(0, 600))).toBe(0);
      else expect(read).toMatchObject({ code: expect.stringMatching(/CORRUPT|INVALID_ARGUMENT/) });
    }
    for (const length of [0, 1, 100, file.byteLength - 17, file.byteLength - 1]) {
      await expect(readBackup(file.subarray(0, length), key)).rejects.toMatchObject({
        code: expect.stringMatching(/CORRUPT|INVALID_ARGUMENT/),
      });
    }
  });

  it('of a newer format is left to a newer version', async () => {
    const { header, body } = splitBackup(await fileOf(plain));
    const newer = Buffer.concat([encodeHeader({ ...header, gantryBackup: 2 }), body]);
    await expect(readBackup(newer, undefined)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('is never decompressed to more than it says', async () => {
    const { header, body } = splitBackup(await fileOf(plain));
    const file = Buffer.concat([encodeHeader({ ...header, bytes: 1000 }), body]);
    await expect(readBackup(file, undefined)).rejects.toMatchObject({ code: 'CORRUPT' });
  });
});
