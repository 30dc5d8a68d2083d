/** The program itself, with its log on disk: it is killed and started again. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectClient, unary } from '../proto/client.ts';
import {
  ChangeKind,
  ControlClient,
  type StackDeployResponse,
  StackSpec,
  type TaskListResponse,
} from '../proto/generated/gantry/v1/control.ts';
import { TaskState } from '../proto/generated/gantry/v1/types.ts';
import { serviceSpec } from './objects.testing.ts';
import { SimulatedAgent } from './simulated-agent.testing.ts';

const PROGRAM = join(import.meta.dirname, 'gantry-manager.ts');

let dir: string;
let manager: ChildProcess;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-manager-program-'));
});

afterEach(() => {
  manager.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

const socketPath = () => join(dir, 'exec', 'manager.sock');
const waitFor = <T>(assertion: () => T) => vi.waitFor(assertion, { timeout: 15_000, interval: 20 });

async function start(stderr: 'inherit' | 'pipe' = 'inherit'): Promise<ControlClient> {
  const flags = ['--data-root', join(dir, 'data'), '--exec-root', join(dir, 'exec'), '--node-id', 'node1'];
  manager = spawn(process.execPath, [PROGRAM, ...flags, '--log-level', 'warn'], {
    stdio: ['ignore', 'ignore', stderr],
  });
  const pidPath = join(dir, 'exec', 'manager.pid');
  await waitFor(() => expect(readFileSync(pidPath, 'utf8').trim()).toBe(String(manager.pid)));
  const client = connectClient(ControlClient, { kind: 'unix', path: socketPath() });
  await waitFor(() => unary((done) => client.clusterInspect({}, done)));
  return client;
}

async function runningTasks(client: ControlClient): Promise<string[]> {
  const request = { stack: '', services: [], nodes: [] };
  const { tasks } = await unary<TaskListResponse>((done) => client.taskList(request, done));
  return tasks.filter((task) => task.status?.state === TaskState.RUNNING).map((task) => task.id);
}

describe('gantry-manager', () => {
  it('survives kill -9 with all it knew, and ends cleanly on SIGTERM', async () => {
    const client = await start();
    expect(statSync(socketPath()).mode & 0o777).toBe(0o600);
    for (const name of readdirSync(join(dir, 'data/manager'))) {
      expect(statSync(join(dir, 'data/manager', name)).mode & 0o077, name).toBe(0);
    }
    const agent = new SimulatedAgent(socketPath(), 'node1', 1000);
    const stack = StackSpec.fromPartial({ name: 's', services: [serviceSpec('s_web', { replicas: 3 })] });
    await unary((done) => client.stackDeploy({ stack, prune: false, dryRun: false }, done));
    await waitFor(async () => expect(await runningTasks(client)).toHaveLength(3));
    const before = await runningTasks(client);

    manager.kill('SIGKILL');
    await agent.disconnect();
    client.close();
    const again = await start();
    const successor = new SimulatedAgent(socketPath(), 'node1', 1000);
    successor.adopt(agent);
    await waitFor(() => expect(successor.tasks.size).toBe(3));
    expect(await runningTasks(again)).toEqual(before);
    expect(successor.started.size).toBe(3);

    manager.kill('SIGTERM');
    const [code] = await once(manager, 'exit');
    expect(code).toBe(0);
    expect([existsSync(socketPath()), existsSync(join(dir, 'exec', 'manager.pid'))]).toEqual([false, false]);
    await successor.disconnect();
    again.close();
  });

  it.skipIf(process.getuid?.() !== 0)('ends with one line when its disk is full, and has all it had said', async () => {
    const [small, large] = [Buffer.from('small'), randomBytes(450_000)];
    const data = join(dir, 'data');
    mkdirSync(data);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', data]);
    try {
      const client = await start('pipe');
      const complaint = manager.stderr === null ? '' : text(manager.stderr);
      const ended = once(manager, 'exit');
      await deployConfig(client, 'small', small);
      await expect(deployConfig(client, 'large', large)).rejects.toThrow();
      expect((await ended)[0]).toBe(1);
      // LMDB says itself what went wrong, too; and of a page that was written in part, that it is an I/O error.
      expect(await complaint).toMatch(/\ngantry-manager: [^\n]* cannot be written: [^\n]* disk has space[^\n]*\n$/);
      client.close();
      execFileSync('mount', ['-o', 'remount,size=8m', data]);
      const again = await start();
      expect((await deployConfig(again, 'small', small)).changes).toMatchObject([{ change: ChangeKind.UNCHANGED }]);
      expect((await deployConfig(again, 'large', large)).changes).toMatchObject([{ change: ChangeKind.CREATE }]);
      again.close();
    } finally {
      const ended = manager.exitCode === null ? once(manager, 'exit') : undefined;
      manager.kill('SIGKILL');
      await ended;
      execFileSync('umount', [data]);
    }
  });
});

function deployConfig(client: ControlClient, stack: string, data: Buffer): Promise<StackDeployResponse> {
  const configs = [{ annotations: { name: `${stack}_config` }, data }];
  const spec = StackSpec.fromPartial({ name: stack, configs });
  return unary((done) => client.stackDeploy({ stack: spec, prune: false, dryRun: false }, done));
}
