/**
 * The manager's process as the node agent sees it: started in a session of its own so that it survives the agent,
 * and found again by an agent that was killed and started anew.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join as joinPath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { StoreOptions } from '../config/options.ts';
import { MANAGER_FLAGS } from './manager-flags.ts';

export interface ManagerRoots {
  readonly dataRoot: string;
  readonly execRoot: string;
}

export interface ManagerCommand extends ManagerRoots {
  readonly nodeId: string;
  readonly logLevel: string;
  /** IP[:PORT] that other nodes reach it at. */
  readonly advertiseAddr: string;
  /** IP:PORT of the other managers, one of which takes it in if it isn't a member yet. */
  readonly join: readonly string[];
  readonly store: StoreOptions;
  /** IP:PORT where it shows its metrics; empty: nowhere. */
  readonly metricsAddr: string;
}

export interface ManagerProcess {
  readonly pid: number;
  /** Resolves when the process has gone, to how: "exit code 1". Never rejects. */
  readonly exited: Promise<string>;
}

/** An adopted process isn't our child: nobody tells us when it ends. */
const POLL_MS = 200;

/** The manager's program lies beside ours: in the bundle's directory, or in its own from source. */
export const MANAGER_PROGRAM = fileURLToPath(
  import.meta.url.endsWith('.ts')
    ? new URL('../../manager/gantry-manager.ts', import.meta.url)
    : new URL('./gantry-manager.js', import.meta.url),
);

export function spawnManager(command: ManagerCommand, program = MANAGER_PROGRAM): ManagerProcess {
  const { dataRoot, execRoot, nodeId, logLevel, advertiseAddr, join, store, metricsAddr } = command;
  const flags = ['--data-root', dataRoot, '--exec-root', execRoot, '--node-id', nodeId, '--log-level', logLevel];
  flags.push('--advertise-addr', advertiseAddr);
  if (join.length > 0) flags.push('--join', join.join(','));
  flags.push(...storeFlags(store));
  if (metricsAddr !== '') flags.push('--metrics-addr', metricsAddr);
  const child = spawn(process.execPath, [...MANAGER_FLAGS, program, ...flags], {
    // A session of its own: signals to the agent's terminal or process group don't reach it.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  child.unref();
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : signal));
  });
  if (child.pid !== undefined) writePidFile(execRoot, child.pid);
  return { pid: child.pid ?? 0, exited };
}

function storeFlags({ address, files }: StoreOptions): string[] {
  const given = { store: address, 'store-ca': files.ca, 'store-cert': files.cert, 'store-key': files.key };
  return Object.entries(given).flatMap(([name, value]) => (value === '' ? [] : [`--${name}`, value]));
}

/** The running manager of these roots, or undefined. The pid file says where to look; it may be stale, or not yet written. */
export function findManager(command: ManagerRoots): ManagerProcess | undefined {
  const pid = [readPidFile(command.execRoot), ...allPids()].find((candidate) => isManager(candidate, command));
  return pid === undefined ? undefined : { pid, exited: polledExit(pid) };
}

function isManager(pid: number, { dataRoot, execRoot }: ManagerRoots): boolean {
  const [, ...words] = readProc(pid, 'cmdline').split('\0');
  const at = words.findIndex((word) => /^gantry-manager\.[jt]s$/.test(basename(word)));
  const flags = words.slice(at + 1);
  const has = (flag: string, value: string) => flags[flags.indexOf(flag) + 1] === value && flags.includes(flag);
  return at >= 0 && has('--data-root', dataRoot) && has('--exec-root', execRoot);
}

async function polledExit(pid: number): Promise<string> {
  const started = startTime(pid);
  // Compared as pids are used again: the one that runs now may be another's.
  while (started !== '' && startTime(pid) === started) await sleep(POLL_MS, undefined, { ref: false });
  return 'it has gone';
}

/** In clock ticks since boot; empty when there is no such process, or nothing but a zombie: proc_pid_stat(5), fields 3 and 22. */
function startTime(pid: number): string {
  const stat = readProc(pid, 'stat');
  // The name, field 2, may contain anything: what counts comes after its last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? '' : (fields[19] ?? '');
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // The process has ended, or ended while we read.
    return '';
  }
}

function allPids(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 0);
}

function pidFile(execRoot: string): string {
  return joinPath(execRoot, 'manager.pid');
}

function readPidFile(execRoot: string): number {
  try {
    return Number(readFileSync(pidFile(execRoot), 'utf8'));
  } catch {
    // None yet: every process is looked at.
    return 0;
  }
}

function writePidFile(execRoot: string, pid: number): void {
  const path = pidFile(execRoot);
  writeFileSync(`${path}.tmp`, `${pid}\n`);
  renameSync(`${path}.tmp`, path);
}
