/** The real manager, from its bundle, on a log with 100,000 tasks: from its start until it serves and leads, and its memory. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { MANAGER_FLAGS } from '../../../agent/cluster/manager-flags.ts';
import { connectClient, unary } from '../../../proto/client.ts';
import { ControlClient, type ServiceListResponse } from '../../../proto/generated/gantry/v1/control.ts';
import { median } from '../statistics.ts';
import { SIZE } from './fleet.ts';

const ROUNDS = 5;
const PROGRAM = join(import.meta.dirname, '../../../dist/gantry-manager.js');
const print = (line: string) => process.stdout.write(`${line}\n`);

interface Start {
  readonly servesAfterMs: number;
  readonly answersAfterMs: number;
  /** When it has answered, and its highest up to then. */
  readonly residentMiB: number;
  readonly peakMiB: number;
}

function startManager(dir: string): ChildProcess {
  const roots = ['--data-root', dir, '--exec-root', join(dir, 'run')];
  // Nobody plays the nodes' agents: without this they would be down soon, and their tasks moved.
  const patience = ['--heartbeat-period-ms', '600000', '--node-down-grace-ms', '600000'];
  return spawn(process.execPath, [...MANAGER_FLAGS, PROGRAM, ...roots, ...patience, '--node-id', 'node1'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

async function measureStart(dir: string, services: number): Promise<Start> {
  const begin = performance.now();
  const manager = startManager(dir);
  const client = connectClient(ControlClient, { kind: 'unix', path: join(dir, 'run', 'manager.sock') });
  try {
    await logged(manager, 'serving');
    const servesAfterMs = performance.now() - begin;
    const answer = await unary<ServiceListResponse>((done) => client.serviceList({ stack: '', references: [] }, done));
    if (answer.services.length !== services) throw new Error(`the manager has ${answer.services.length} services`);
    const answersAfterMs = performance.now() - begin;
    return { servesAfterMs, answersAfterMs, ...memoryOf(manager) };
  } finally {
    client.close();
    manager.kill('SIGTERM');
    await once(manager, 'exit');
  }
}

/** Resolves when the manager has logged this; rejects when it ends before. */
async function logged({ stderr }: ChildProcess, message: string): Promise<void> {
  if (stderr === null) throw new Error('the manager has no standard error');
  const lines = createInterface({ input: stderr });
  const others: string[] = [];
  for await (const line of lines) {
    if (line.includes(`"msg":"${message}"`)) {
      // What it says from here on must not fill the pipe.
      stderr.resume();
      return;
    }
    others.push(line);
  }
  throw new Error(`the manager ended: ${others.join('\n')}`);
}

function memoryOf({ pid }: ChildProcess): Pick<Start, 'residentMiB' | 'peakMiB'> {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mebibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024;
  return { residentMiB: mebibytes('VmRSS'), peakMiB: mebibytes('VmHWM') };
}

function logBytes(dir: string): number {
  const directory = join(dir, 'manager');
  return readdirSync(directory).reduce((bytes, name) => bytes + statSync(join(directory, name)).size, 0);
}

async function run(what: string, dir: string, services: number): Promise<void> {
  // The first start of all makes the cluster and its certificates.
  await measureStart(dir, services);
  const starts: Start[] = [];
  for (let round = 0; round < ROUNDS; round += 1) starts.push(await measureStart(dir, services));
  const middle = (of: (start: Start) => number) => median(starts.map(of)).toFixed(0);
  print(
    `  ${what}serves after ${middle((start) => start.servesAfterMs)} ms, answers after ` +
      `${middle((start) => start.answersAfterMs)} ms; ${middle((start) => start.residentMiB)} MiB resident, at most ` +
      `${middle((start) => start.peakMiB)} MiB; log ${(logBytes(dir) / 1e6).toFixed(0)} MB on disk`,
  );
}

function makeLog(dir: string, kind: string): void {
  const program = join(import.meta.dirname, 'make-log.ts');
  const { status } = spawnSync(process.execPath, [program, join(dir, 'manager'), kind], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the log could not be made');
}

async function withDirectory(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
  try {
    await use(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

print(`A manager's start, medians of ${ROUNDS}:`);
await withDirectory((dir) => run('empty: ', dir, 0));
for (const kind of ['small', 'typical']) {
  await withDirectory(async (dir) => {
    makeLog(dir, kind);
    await run(`${SIZE.tasks} tasks, ${kind}: `, dir, SIZE.services);
  });
}
