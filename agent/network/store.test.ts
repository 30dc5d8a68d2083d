import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServiceEndpoints } from '../../proto/generated/gantry/v1/types.ts';
import { KeyedLock } from './keyed-lock.ts';
import { RulesetApplier } from './nft.ts';
import type { OwnTable } from './own-tables.ts';
import type { SandboxRecord } from './sandbox-record.ts';
import { settleAll } from './settle-all.ts';
import { NetworkStore } from './store.ts';
import { sandboxRequest } from './testing/lab.ts';

let directory = '';
let store: NetworkStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-network-store-'));
  store = new NetworkStore(join(directory, 'network'), pino({ level: 'silent' }));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('NetworkStore', () => {
  const record: SandboxRecord = { request: sandboxRequest('a'), attachments: [], ports: [], ready: true };

  it('is empty at first', async () => {
    expect(await store.readNetworks()).toEqual([]);
    expect(await store.readSandboxes()).toEqual([]);
    expect(await store.readServices()).toEqual([]);
    expect(await store.readCursors()).toEqual({});
    expect(await store.forwardingIsOurs()).toBe(false);
  });

  it('gives back what was written, and leaves no temporary files', async () => {
    await store.writeSandbox(record);
    await store.writeSandbox({ ...record, ready: false });
    await store.writeCursors({ net: 7 });
    expect(await store.readSandboxes()).toEqual([{ ...record, ready: false }]);
    expect(await store.readCursors()).toEqual({ net: 7 });
    expect(readdirSync(join(directory, 'network/sandboxes'))).toEqual(['a.json']);
    await store.removeSandbox('a');
    await store.removeSandbox('a');
    expect(await store.readSandboxes()).toEqual([]);
  });

  it('removes what writes left that were cut off', async () => {
    await store.removeTemporaries();
    await store.writeSandbox(record);
    writeFileSync(join(directory, 'network/cursors.json.12.3.tmp'), '{"n');
    writeFileSync(join(directory, 'network/sandboxes/b.json.12.4.tmp'), '');
    await store.removeTemporaries();
    expect(readdirSync(join(directory, 'network'))).toEqual(['sandboxes', 'services']);
    expect(readdirSync(join(directory, 'network/sandboxes'))).toEqual(['a.json']);
  });

  it('gives back services as they were last said', async () => {
    const [web, db] = ['web', 'db'].map((serviceId) => ServiceEndpoints.fromPartial({ serviceId }));
    if (web === undefined || db === undefined) throw new Error('two services');
    const renamed = { ...web, serviceName: 'shop_web' };
    await store.writeServices({ put: [web, db], removed: [] });
    await store.writeServices({ put: [renamed], removed: ['db', 'none'] });
    expect(await store.readServices()).toEqual([renamed]);
  });

  it('puts a damaged file aside', async () => {
    await store.writeSandbox(record);
    const path = join(directory, 'network/sandboxes/a.json');
    writeFileSync(path, '{"request":');
    expect(await store.readSandboxes()).toEqual([]);
    expect(existsSync(`${path}.damaged`)).toBe(true);
  });

  it('remembers that forwarding was switched on', async () => {
    await store.markForwarding();
    expect(await store.forwardingIsOurs()).toBe(true);
    await store.unmarkForwarding();
    expect(await store.forwardingIsOurs()).toBe(false);
  });
});

describe('KeyedLock', () => {
  it('runs one at a time per key, in order, also after a failure', async () => {
    const lock = new KeyedLock();
    const log: string[] = [];
    const step =
      (name: string, fail = false) =>
      async () => {
        log.push(`${name} begins`);
        await Promise.resolve();
        log.push(`${name} ends`);
        if (fail) throw new Error(name);
      };
    const first = lock.run('a', step('1', true));
    const all = await Promise.allSettled([first, lock.run('a', step('2')), lock.run('b', step('3'))]);
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(log.filter((line) => !line.startsWith('3'))).toEqual(['1 begins', '1 ends', '2 begins', '2 ends']);
    expect(log.indexOf('3 begins')).toBeLessThan(log.indexOf('2 begins'));
  });
});

describe('settleAll', () => {
  it('waits for all before it throws the first failure', async () => {
    let ended = false;
    const late = Promise.resolve().then(() => {
      ended = true;
    });
    await expect(settleAll([Promise.reject(new Error('early')), late])).rejects.toThrow('early');
    expect(ended).toBe(true);
  });
});

/** A table that nobody else changes. */
const UNWATCHED: Pick<OwnTable, 'replace' | 'send' | 'restore' | 'unlessChanged'> = {
  replace: (transaction) => transaction(),
  send: async () => undefined,
  restore: async (sync) => {
    await sync();
    return [];
  },
  unlessChanged: async (applied) => applied,
};

describe('RulesetApplier', () => {
  it('says what nft says about rules that it refuses, and tries again the next time', async () => {
    let renders = 0;
    const applier = new RulesetApplier(() => {
      renders += 1;
      return { table: 'nonsense\n', pairs: undefined };
    }, UNWATCHED);
    const together = await Promise.allSettled([applier.apply(), applier.apply(), applier.apply()]);
    expect(together.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(renders).toBe(1);
    await expect(applier.apply()).rejects.toMatchObject({
      code: 'HOST',
      message: expect.stringContaining('syntax error'),
    });
    expect(renders).toBe(2);
  });
});
