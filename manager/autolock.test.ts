/** The program itself with autolock: it is killed, and waits for the unlock key when it comes back. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectClient, unary } from '../proto/client.ts';
import { freePort } from '../proto/free-port.testing.ts';
import {
  type ClusterInspectResponse,
  type ClusterUnlockKeyResponse,
  type ClusterUpdateResponse,
  ControlClient,
} from '../proto/generated/gantry/v1/control.ts';
import { type HealthResponse, LocalManagerClient } from '../proto/generated/gantry/v1/manager.ts';

const PROGRAM = join(import.meta.dirname, 'gantry-manager.ts');
const WRONG_KEY = `GNTKEY-1-${'A'.repeat(43)}`;

let dir: string;
let metricsPort: number;
let program: ChildProcess;
let control: ControlClient;
let manager: LocalManagerClient;

beforeEach(async () => {
  metricsPort = await freePort();
  dir = mkdtempSync(join(tmpdir(), 'gantry-autolock-'));
  const address = { kind: 'unix', path: join(dir, 'exec', 'manager.sock') } as const;
  control = connectClient(ControlClient, address);
  manager = connectClient(LocalManagerClient, address);
});
afterEach(async () => {
  control.close();
  manager.close();
  await end('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

const waitFor = <T>(assertion: () => T) => vi.waitFor(assertion, { timeout: 15_000, interval: 20 });
const keyFile = () => readFileSync(join(dir, 'data/manager/keys.json'), 'utf8');
const inspect = () => unary<ClusterInspectResponse>((done) => control.clusterInspect({}, done));
const health = () => unary<HealthResponse>((done) => manager.health({}, done));
const unlock = (unlockKey: string) => unary((done) => manager.unlock({ unlockKey }, done));

/** Code and text of /readyz. */
async function ready(): Promise<readonly [number, string]> {
  const answer = await fetch(`http://127.0.0.1:${metricsPort}/readyz`);
  return [answer.status, await answer.text()];
}

function start(): void {
  const flags = ['--data-root', join(dir, 'data'), '--exec-root', join(dir, 'exec'), '--node-id', 'node1'];
  flags.push('--metrics-addr', `127.0.0.1:${metricsPort}`);
  program = spawn(process.execPath, [PROGRAM, ...flags, '--log-level', 'error'], { stdio: 'inherit' });
}

async function end(signal: NodeJS.Signals): Promise<number | null> {
  if (program.exitCode !== null || program.signalCode !== null) return program.exitCode;
  const ended = once(program, 'exit');
  program.kill(signal);
  return (await ended)[0] as number | null;
}

async function restart(): Promise<void> {
  await end('SIGKILL');
  start();
}

async function setAutolock(autolock: boolean): Promise<string> {
  const request = { autolock, taskHistoryLimit: undefined };
  return (await unary<ClusterUpdateResponse>((done) => control.clusterUpdate(request, done))).unlockKey;
}

async function unlockKey(rotate: boolean): Promise<string> {
  return (await unary<ClusterUnlockKeyResponse>((done) => control.clusterUnlockKey({ rotate }, done))).unlockKey;
}

describe('a manager with autolock', () => {
  it('waits after a restart until it gets the key, and nothing else opens it', async () => {
    start();
    const before = (await waitFor(inspect)).cluster;
    const key = await setAutolock(true);
    expect(key).toMatch(/^GNTKEY-1-/);
    expect(await unlockKey(false)).toBe(key);
    expect(keyFile()).toContain('"keyEncryptionKey": null');
    expect((await inspect()).cluster?.managerLock).toMatchObject({ autolock: true, unlockKey: Buffer.alloc(0) });
    await expect(unlock(key)).rejects.toMatchObject({ code: 'WRONG_STATE' });

    await restart();
    expect(await waitFor(health)).toMatchObject({ locked: true });
    expect(await ready()).toEqual([503, expect.stringContaining('the manager is locked')]);
    await expect(inspect()).rejects.toMatchObject({
      code: 'WRONG_STATE',
      message: 'this manager is locked',
      hint: expect.stringContaining('gantry cluster unlock'),
    });
    await expect(unlock(WRONG_KEY)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(unlock('secret')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await unlock(key);
    expect((await waitFor(inspect)).cluster?.id).toBe(before?.id);
    expect(await health()).toMatchObject({ locked: false, leaderNodeId: 'node1' });
    expect(await ready()).toEqual([200, '{"status":"ok"}']);
  });

  it('takes only the new key once it was rotated', async () => {
    start();
    await waitFor(inspect);
    await expect(unlockKey(true)).rejects.toMatchObject({ code: 'WRONG_STATE' });
    const old = await setAutolock(true);
    const key = await unlockKey(true);
    expect(key).not.toBe(old);
    await waitFor(() => expect(JSON.parse(keyFile())).toMatchObject({ lockVersion: 2 }));
    await restart();
    await waitFor(health);
    await expect(unlock(old)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await unlock(key);
    await waitFor(inspect);
    expect(await unlockKey(false)).toBe(key);
  });

  it('starts by itself again when autolock was turned off', async () => {
    start();
    await waitFor(inspect);
    await setAutolock(true);
    expect(await setAutolock(false)).toBe('');
    expect(await unlockKey(false)).toBe('');
    await waitFor(() => expect(JSON.parse(keyFile())).toMatchObject({ lockVersion: 2 }));
    await restart();
    await waitFor(inspect);
  });

  it('ends cleanly while it is locked', async () => {
    start();
    await waitFor(inspect);
    await setAutolock(true);
    await restart();
    await waitFor(health);
    expect(await end('SIGTERM')).toBe(0);
    for (const name of ['manager.sock', 'manager.pid']) expect(existsSync(join(dir, 'exec', name))).toBe(false);
  });
});
