import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import { openKeys } from '../encryption/key-store.ts';
import { newUnlockKey } from '../encryption/unlock-key.ts';
import { node } from '../objects.testing.ts';
import { lockDirectory } from '../replication/directory-lock.ts';
import type { Store } from '../store/store.ts';
import { addVoters, fill, logger, openStore } from './disaster.testing.ts';
import { recoverLog } from './recover.ts';
import { restoreLog } from './restore.ts';
import { writeBackup } from './write-backup.ts';

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-disaster-'));
  dir = join(root, 'manager');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const options = () => ({ dir, nodeId: 'node1', unlockKey: undefined, nowMs: 1000, logger });
const rolesIn = (store: Store) =>
  Object.fromEntries(store.view((read) => read.find('node', { by: 'all' })).map(({ id, spec }) => [id, spec.role]));

async function withStore<T>(where: string, action: (store: Store) => Promise<T>): Promise<T> {
  const { store, close } = await openStore(where);
  try {
    return await action(store);
  } finally {
    await close();
  }
}

/** What recovering and restoring must keep, and what they must make of the managers. */
async function expectTakenOver(where: string): Promise<void> {
  await withStore(where, async (store) => {
    const { MANAGER, WORKER } = NodeRole;
    expect(rolesIn(store)).toEqual({ node1: MANAGER, node2: WORKER, node3: WORKER, node4: WORKER });
    expect(store.view((read) => read.get('service', 'web'))?.spec.annotations.name).toBe('web');
    // Changes are accepted, with versions that go on growing.
    const before = store.view((read) => Math.max(...read.find('node', { by: 'all' }).map(({ meta }) => meta.version)));
    await store.update((tx) => {
      for (const node of tx.find('node', { by: 'all' })) tx.update('node', node);
    });
    const after = store.view((read) => read.get('node', 'node4'))?.meta.version;
    expect(after).toBeGreaterThan(before);
  });
}

describe('recoverLog', () => {
  beforeEach(async () => {
    await withStore(dir, fill);
    await addVoters(dir);
  });

  it('makes the manager the only one, with all state it had', async () => {
    await withStore(dir, async (store) => {
      const change = store.update((tx) => tx.create('node', node('node9')));
      await expect(change).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    });
    await recoverLog(options());
    await expectTakenOver(dir);
  });

  it('does no harm when it is done again', async () => {
    await recoverLog(options());
    await recoverLog(options());
    await expectTakenOver(dir);
  });

  it('refuses while the manager runs, without a log, and a locked one without its key', async () => {
    const unlock = lockDirectory(dir);
    await expect(recoverLog(options())).rejects.toMatchObject({ code: 'IN_USE' });
    unlock();
    const empty = join(root, 'empty');
    mkdirSync(empty);
    await expect(recoverLog({ ...options(), dir: empty })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const unlockKey = newUnlockKey(randomBytes);
    const opened = openKeys(dir, randomBytes);
    if (opened.state === 'unlocked') opened.keys.follow({ version: 1, unlockKey });
    await expect(recoverLog(options())).rejects.toMatchObject({ code: 'WRONG_STATE' });
    const wrongKey = newUnlockKey(randomBytes);
    await expect(recoverLog({ ...options(), unlockKey: wrongKey })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await recoverLog({ ...options(), unlockKey });
    expect(openKeys(dir, randomBytes).state).toBe('locked');
  });

  it('can be killed at any instant and done again', { timeout: 120_000 }, async () => {
    // How long it takes shows on a copy: the first ones that are killed find a log of three.
    const copy = join(root, 'copy');
    cpSync(dir, copy, { recursive: true });
    const begin = performance.now();
    await recoverProgram(copy);
    const wholeMs = performance.now() - begin;
    for (let step = 1; step <= 8; step += 1) await recoverProgram(dir, (wholeMs * step) / 8);
    expect(await recoverProgram(dir)).toEqual({ code: 0, output: '{}\n' });
    await expectTakenOver(dir);
  });

  async function recoverProgram(where: string, killAfterMs?: number): Promise<{ code: number | null; output: string }> {
    const program = join(import.meta.dirname, '../gantry-manager.ts');
    const child = spawn(process.execPath, [program, 'recover', '--dir', where, '--node-id', 'node1'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
    });
    // It may be dead by the time its input is written.
    child.stdin.on('error', () => undefined);
    child.stdin.end('\n');
    const exit = once(child, 'close');
    if (killAfterMs !== undefined) {
      await Promise.race([sleep(killAfterMs), exit]);
      child.kill('SIGKILL');
    }
    const [code] = (await exit) as [number | null];
    return { code, output };
  }
});

describe('restoreLog', () => {
  const unlockKey = newUnlockKey(randomBytes);

  async function backupOf(key?: Uint8Array): Promise<Buffer> {
    return withStore(join(root, 'origin'), async (store) => {
      await fill(store);
      const { cluster, ...state } = await store.copy();
      const source = { ...state, clusterId: cluster.id, unlockKey: key, nowMs: 0, random: randomBytes };
      const parts: Buffer[] = [];
      for await (const part of writeBackup(source)) parts.push(part);
      return Buffer.concat(parts);
    });
  }

  it('makes a log in which the node is the only manager', async () => {
    const restored = await restoreLog({ ...options(), backup: await backupOf() });
    expect(restored).toEqual({ clusterId: expect.stringMatching(/^[0-9a-z]{25}$/), nodeKnown: true });
    await expectTakenOver(dir);
  });

  it('takes a node that was in no cluster, too', async () => {
    const restored = await restoreLog({ ...options(), nodeId: 'node9', backup: await backupOf() });
    expect(restored.nodeKnown).toBe(false);
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });

  it('writes nothing for a file that is no good', async () => {
    const backup = await backupOf(unlockKey);
    const attempts = [
      { backup },
      { backup: Buffer.from('nonsense'), unlockKey },
      { backup: backup.subarray(0, -1), unlockKey },
    ];
    for (const attempt of attempts) await expect(restoreLog({ ...options(), ...attempt })).rejects.toThrow();
    expect(() => mkdirSync(dir)).not.toThrow();
    await restoreLog({ ...options(), backup, unlockKey });
    await expectTakenOver(dir);
  });
});

vi.setConfig({ testTimeout: 30_000 });
