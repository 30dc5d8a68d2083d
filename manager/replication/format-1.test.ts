import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open as openLmdb } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aloneOptions } from './alone.testing.ts';
import { openReplicatedLog } from './open.ts';
import { checksumSealer } from './record.ts';
import { RecordingState } from './recording-state.testing.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-format-1-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const SECRET = 'attack at dawn';

/** As version 0.1.0 left it: a snapshot at index 2, and two entries after it. */
async function writeFormat1(damage: (content: Map<string | number, Buffer>) => void = () => undefined): Promise<void> {
  const content = new Map<string | number, Buffer>([
    ['format', Buffer.from('1')],
    ['hard-state', Buffer.from('{"term":3,"vote":"node1","commit":4}')],
    ['snapshot', Buffer.from('{"index":2,"term":1,"voters":["node1"]}')],
    ['snapshot-data', Buffer.from(JSON.stringify([{ index: 2, text: SECRET }]))],
    [3, entry(2, 'three')],
    [4, entry(3, SECRET)],
  ]);
  const sealed = new Map(
    [...content].map(([key, value]) => [
      key,
      checksumSealer.seal(typeof key === 'number' ? `entry ${key}` : key, value),
    ]),
  );
  damage(sealed);
  const root = openLmdb({ path: join(dir, 'raft.lmdb'), encoding: 'binary' });
  const entries = root.openDB<Buffer, number>({ name: 'entries', encoding: 'binary' });
  const records = root.openDB<Buffer, string>({ name: 'records', encoding: 'binary' });
  for (const [key, value] of sealed) {
    if (typeof key === 'number') entries.putSync(key, value);
    else records.putSync(key, value);
  }
  await root.close();
}

function entry(term: number, text: string): Buffer {
  const bytes = Buffer.alloc(8 + text.length);
  bytes.writeBigUInt64BE(BigInt(term));
  bytes.write(text, 8);
  return bytes;
}

async function reopen(): Promise<RecordingState> {
  const state = new RecordingState();
  const log = await openReplicatedLog(aloneOptions(dir, state), new AbortController().signal);
  await log.propose(Buffer.from('more'));
  await log.close();
  return state;
}

describe('a log of format 1', () => {
  it('is sealed at the first start, with all it had, and nothing of it stays readable', async () => {
    await writeFormat1();
    expect(readFileSync(join(dir, 'raft.lmdb')).includes(SECRET)).toBe(true);
    const state = await reopen();
    expect(state.restoredFrom).toBe(2);
    expect(state.texts).toEqual([SECRET, 'three', SECRET, 'more']);
    expect(readFileSync(join(dir, 'raft.lmdb')).includes(SECRET)).toBe(false);
    expect(readdirSync(dir).sort()).toEqual(['keys.json', 'lock', 'raft.lmdb', 'raft.lmdb-lock']);
    expect((await reopen()).texts).toEqual([SECRET, 'three', SECRET, 'more', 'more']);
  });

  it('is begun anew when the first attempt was cut off', async () => {
    await writeFormat1();
    const halfDone = openLmdb({ path: join(dir, 'raft-new.lmdb'), encoding: 'binary' });
    await halfDone.openDB<Buffer, number>({ name: 'entries', encoding: 'binary' }).put(99, Buffer.from('half'));
    await halfDone.close();
    expect((await reopen()).texts).toEqual([SECRET, 'three', SECRET, 'more']);
  });

  it('is refused when it is damaged, and left as it was', async () => {
    await writeFormat1((content) => content.set(4, content.get(3) ?? Buffer.alloc(0)));
    for (const _time of [1, 2]) {
      await expect(reopen()).rejects.toMatchObject({ code: 'CORRUPT', message: expect.stringContaining('entry 4') });
    }
  });
});
