import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LayerWorkers } from '../image/layer-workers.ts';
import { CacheMounts } from './cache-mounts.ts';
import { parseRunMount } from './run-mounts.ts';

const NEVER = new AbortController().signal;
const NO_FILES = async () => undefined;

function cacheMount(text: string) {
  const mount = parseRunMount(`type=cache,target=/c,${text}`, { variables: () => undefined, escapeChar: '\\' }, '/');
  if (mount.kind !== 'cache') throw new Error('no cache');
  return mount;
}

describe('cache mounts', () => {
  let dir: string;
  let workers: LayerWorkers;
  let caches: CacheMounts;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'gantry-caches-'));
    workers = new LayerWorkers();
    caches = await reopened();
  });
  afterEach(async () => {
    await workers.close();
    rmSync(dir, { recursive: true });
  });

  let now = 1_000;
  async function reopened(): Promise<CacheMounts> {
    const opened = new CacheMounts({
      ...{ dir, workers, clock: () => now++, random: randomBytes },
      logger: pino({ level: 'silent' }),
    });
    await opened.open();
    return opened;
  }
  const take = (text: string, signal = NEVER) => caches.take(cacheMount(text), '', NO_FILES, signal);

  it('are found again by their id, also after a restart', async () => {
    const first = await take('id=a,uid=5,gid=6,mode=0700');
    expect(statSync(first.path)).toMatchObject({ uid: 5, gid: 6 });
    expect(statSync(first.path).mode & 0o777).toBe(0o700);
    writeFileSync(join(first.path, 'kept'), 'x'.repeat(100));
    await first.close();
    caches = await reopened();
    const again = await take('id=a');
    expect(readFileSync(join(again.path, 'kept'), 'utf8')).toHaveLength(100);
    expect((await take('id=b')).path).not.toBe(again.path);
    expect(caches.usage()).toMatchObject([{ sizeBytes: 100, uses: 1 }, { sizeBytes: 0 }]);
  });

  it('begin with what they are filled with, once', async () => {
    let filled = 0;
    const fill = async (directory: string) => {
      filled++;
      writeFileSync(join(directory, 'first'), '');
    };
    const both = await Promise.all([1, 2].map(() => caches.take(cacheMount('id=a'), 'image', fill, NEVER)));
    expect(both.map(({ path }) => readdirSync(path))).toEqual([['first'], ['first']]);
    expect(filled).toBe(1);
    const failing = caches.take(cacheMount('id=b'), 'image', () => Promise.reject(new Error('no disk')), NEVER);
    await expect(failing).rejects.toThrow('no disk');
    expect(readdirSync(join(dir, 'build/caches'))).toHaveLength(1);
  });

  it('are shared, waited for, or one for each, as is asked', async () => {
    const shared = await Promise.all([take('id=a'), take('id=a')]);
    expect(shared[0].path).toBe(shared[1].path);
    const own = await Promise.all([take('id=p,sharing=private'), take('id=p,sharing=private')]);
    expect(own[0].path).not.toBe(own[1].path);
    const held = await take('id=l,sharing=locked');
    let got = false;
    const waiting = take('id=l,sharing=locked').then((cache) => {
      got = true;
      return cache;
    });
    const controller = new AbortController();
    const cancelled = take('id=l,sharing=locked', controller.signal);
    controller.abort();
    await expect(cancelled).rejects.toThrow();
    expect(got).toBe(false);
    await held.close();
    expect((await waiting).path).toBe(held.path);
  });

  it('are dropped unless they are in use, and what a crash has left goes', async () => {
    const used = await take('id=a');
    const names = () => caches.usage().map(({ id }) => id);
    await caches.drop(names());
    expect(names()).toHaveLength(1);
    await used.close();
    await caches.drop(names());
    mkdirSync(join(dir, 'build/caches/.new-x/files'), { recursive: true });
    mkdirSync(join(dir, 'build/caches/cut-off'));
    caches = await reopened();
    expect(readdirSync(join(dir, 'build/caches'))).toEqual([]);
  });
});
