import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NO_STORE } from '../config/options.ts';
import { findManager, type ManagerCommand, spawnManager } from './manager-process.ts';
import { ManagerSupervisor } from './manager-supervisor.ts';

// Stands for the manager: notes that it was started, and runs until it is told to end.
const PROGRAM = `
import { appendFileSync } from 'node:fs';
const root = process.argv[process.argv.indexOf('--data-root') + 1];
appendFileSync(root + '/started', process.pid + '\\n');
process.on('SIGTERM', () => process.exit(0));
setInterval(() => undefined, 1000);
`;

let dir: string;
let program: string;
let command: ManagerCommand;
const supervisors: { readonly end: AbortController; readonly run: Promise<void> }[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-supervisor-'));
  program = join(dir, 'gantry-manager.js');
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  writeFileSync(program, PROGRAM);
  const roots = { dataRoot: dir, execRoot: dir };
  const none = { join: [], store: NO_STORE, metricsAddr: '' };
  command = { ...roots, ...none, nodeId: 'n1', logLevel: 'info', advertiseAddr: '192.0.2.1' };
});
afterEach(async () => {
  for (const { end } of supervisors) end.abort();
  await Promise.all(supervisors.splice(0).map(({ run }) => run));
  expect(findManager(command)).toBeUndefined();
  rmSync(dir, { recursive: true, force: true });
});

function supervise() {
  const end = new AbortController();
  const logger = pino({ level: 'silent' });
  const supervisor = new ManagerSupervisor({ command: () => command, program, logger, random: () => 0, now: Date.now });
  const run = supervisor.run(end.signal);
  supervisors.push({ end, run });
  return { supervisor, end, run };
}

function started(): number[] {
  if (!existsSync(join(dir, 'started'))) return [];
  return readFileSync(join(dir, 'started'), 'utf8').trim().split('\n').map(Number);
}

describe('ManagerSupervisor', () => {
  it('starts the manager, notes its pid, and ends it when told', async () => {
    const { end, run } = supervise();
    await vi.waitFor(() => expect(started()).toHaveLength(1), { timeout: 5000 });
    expect(Number(readFileSync(join(dir, 'manager.pid'), 'utf8'))).toBe(started()[0]);
    end.abort();
    await run;
    expect(findManager(command)).toBeUndefined();
  });

  it('starts it again when it was killed', async () => {
    const { supervisor } = supervise();
    await vi.waitFor(() => expect(started()).toHaveLength(1), { timeout: 5000 });
    process.kill(started()[0] ?? 0, 'SIGKILL');
    await vi.waitFor(() => expect(started()).toHaveLength(2), { timeout: 5000 });
    expect(supervisor.lastExit).toBe('SIGKILL');
  });

  it('finds one that an earlier agent left running, instead of starting a second', async () => {
    const left = spawnManager(command, program);
    await vi.waitFor(() => expect(started()).toHaveLength(1), { timeout: 5000 });
    const { end, run } = supervise();
    end.abort();
    await run;
    expect(await left.exited).toBe('exit code 0');
    expect(started()).toEqual([left.pid]);
  });

  it('finds it without its pid file, as when the agent was killed between the two', async () => {
    const left = spawnManager(command, program);
    rmSync(join(dir, 'manager.pid'));
    await vi.waitFor(() => expect(findManager(command)?.pid).toBe(left.pid), { timeout: 5000 });
    supervise();
  });

  it("starts an adopted manager again when it was killed, and isn't taken in by another program's pid", async () => {
    const left = spawnManager(command, program);
    await vi.waitFor(() => expect(started()).toHaveLength(1), { timeout: 5000 });
    supervise();
    process.kill(left.pid, 'SIGKILL');
    writeFileSync(join(dir, 'manager.pid'), `${process.pid}\n`);
    await vi.waitFor(() => expect(started()).toHaveLength(2), { timeout: 5000 });
    expect(started()[1]).not.toBe(process.pid);
  });

  it('keeps apart managers of other roots', async () => {
    supervise();
    await vi.waitFor(() => expect(started()).toHaveLength(1), { timeout: 5000 });
    expect(findManager({ ...command, dataRoot: '/elsewhere' })).toBeUndefined();
  });
});
