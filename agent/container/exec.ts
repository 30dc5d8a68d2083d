/** Another process in a running container: the runtime's `exec`, which stays in front and relays. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { type ErrorCode, GantryError } from '../../proto/errors.ts';
import { ContainerStatus, type ExecStart } from '../../proto/generated/gantry/v1/engine.ts';
import { userOf } from './assemble.ts';
import { readBundle } from './bundle.ts';
import type { ContainerEntry } from './container-entry.ts';
import { containerPaths, runtimeRoot } from './container-paths.ts';
import type { ContainerContext } from './context.ts';
import { runningPid } from './networking.ts';
import { buildExecProcess } from './spec/exec-process.ts';
import type { OciProcess } from './spec/oci.ts';
import { serializeSpec } from './spec/serialize.ts';

export interface ExecProcess {
  /** With a terminal all output is stdout. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Null when the process has no input. */
  readonly stdin: Writable | null;
  resize(rows: number, columns: number): void;
  signal(signal: number): void;
  /** Exit code, after all output. Rejects with COMMAND_NOT_FOUND, COMMAND_NOT_RUNNABLE, HOST when nothing ran. */
  readonly exited: Promise<number>;
}

/** How a runtime says with its exit code that the process itself couldn't be started. */
const FAILURES: Readonly<Record<number, ErrorCode>> = { 126: 'COMMAND_NOT_RUNNABLE', 127: 'COMMAND_NOT_FOUND' };

/** WRONG_STATE when the container doesn't run, INVALID_ARGUMENT for an unknown user. */
export function startExec(context: ContainerContext, entry: ContainerEntry, exec: ExecStart): ExecProcess {
  const file = writeProcess(context, entry, exec);
  const stdin = exec.stdin ? 'pipe' : 'ignore';
  const flags = exec.tty ? ['--tty', '--control-fd', '3'] : ['--control-fd', '3'];
  const child = spawnExec(context, entry, [...flags, '--process', file], [stdin, 'pipe', 'pipe', 'pipe', 'pipe']);
  return toExecProcess(child, exited(child, file, entry.record.name));
}

/** Resolves when the process runs; nobody relays for it, so it outlives gantryd. Rejects as `exited` does. */
export async function startDetached(context: ContainerContext, entry: ContainerEntry, exec: ExecStart): Promise<void> {
  const file = writeProcess(context, entry, exec);
  const stdio: StdioOptions = ['ignore', 'ignore', 'ignore', 'ignore', 'pipe'];
  const child = spawnExec(context, entry, ['--detach', '--process', file], stdio);
  const code = await exited(child, file, entry.record.name);
  if (code !== 0) throw new GantryError('HOST', `the runtime ended with ${code} for an exec in ${entry.record.name}`);
}

function writeProcess(context: ContainerContext, entry: ContainerEntry, exec: ExecStart): string {
  if (exec.argv.length === 0) throw new GantryError('INVALID_ARGUMENT', 'exec needs a command');
  const process = execProcess(context, entry, exec);
  const { bundle } = containerPaths(context.roots, entry.id);
  const file = join(bundle, `exec-${context.random(8).toString('hex')}.json`);
  writeFileSync(file, serializeSpec(process), { mode: 0o600 });
  return file;
}

function spawnExec(
  context: ContainerContext,
  { id }: ContainerEntry,
  options: readonly string[],
  stdio: StdioOptions,
): ChildProcess {
  const global = ['--root', runtimeRoot(context.roots.execRoot), '--log', '/dev/fd/4', '--log-format', 'json'];
  // A signal to gantryd's process group, Ctrl-C in a terminal say, is not meant for the container.
  return spawn(context.roots.runtime, [...global, 'exec', ...options, id], { stdio, detached: true });
}

function execProcess(context: ContainerContext, entry: ContainerEntry, exec: ExecStart): OciProcess {
  runningPid(entry);
  if (entry.status === ContainerStatus.PAUSED) {
    throw new GantryError('WRONG_STATE', `container ${entry.record.name} is paused`, { hint: 'unpause it before' });
  }
  const paths = containerPaths(context.roots, entry.id);
  const { process } = readBundle(paths);
  const { spec } = entry.record.config;
  const user = exec.user || spec?.user || entry.record.image.user;
  return buildExecProcess({
    container: process,
    exec,
    user: userOf(paths.rootfs, user, spec?.groups ?? []),
    available: context.host.capabilities,
  });
}

function toExecProcess(child: ChildProcess, exited: Promise<number>): ExecProcess {
  const { stdin, stdout, stderr } = child;
  const control = child.stdio[3] as Writable;
  if (stdout === null || stderr === null) throw new GantryError('INTERNAL', 'the runtime was started without pipes');
  // A write to a process that has just ended isn't worth more than its exit code, which follows.
  control.on('error', () => undefined);
  stdin?.on('error', () => undefined);
  const command = (line: string) => {
    if (control.writable) control.write(`${line}\n`);
  };
  return {
    stdin,
    stdout,
    stderr,
    resize: (rows, columns) => command(`resize ${rows} ${columns}`),
    signal: (signal) => command(`signal ${signal}`),
    exited,
  };
}

async function exited(child: ChildProcess, file: string, name: string): Promise<number> {
  const log = collect(child.stdio[4] as Readable);
  try {
    const code = await closed(child);
    const message = lastMessage(await log);
    if (message === undefined) return code;
    throw new GantryError(FAILURES[code] ?? 'HOST', `exec in container ${name}: ${message}`);
  } finally {
    unlinkSync(file);
  }
}

/** The exit code once all pipes are closed; 128 + signal for a runtime that was killed. */
function closed(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new GantryError('HOST', 'cannot start the runtime for exec', { cause })));
    child.once('close', (code, signal) => {
      if (signal === null) resolve(code ?? 0);
      else reject(new GantryError('HOST', `the runtime of an exec was ended by ${signal}`));
    });
  });
}

async function collect(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** The runtime logs JSON lines, as runc does; only what keeps the process from running is an error. */
function lastMessage(log: string): string | undefined {
  const messages = log.split('\n').flatMap((line) => {
    const match = /"level": ?"error"/.test(line) ? parseMessage(line) : undefined;
    return match === undefined ? [] : [match];
  });
  return messages.at(-1);
}

function parseMessage(line: string): string | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && 'msg' in value) return String(value.msg);
  } catch {
    // Not a line of the runtime's own: shown as it is.
  }
  return line;
}
