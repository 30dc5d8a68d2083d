/** Starts shims, and finds those again that an earlier agent has started. */
import { execFile } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import type { Native } from '../../native/addon/native.ts';
import { GantryError } from '../../proto/errors.ts';
import { ShimClient } from './client.ts';
import { ShimConnection } from './connection.ts';
import { EXIT_RECORD, readExitRecord } from './exit-record.ts';
import { parseReport, shimFailure } from './failure.ts';
import type { ExitRecord, FoundShim, Shim, ShimOptions, Shims } from './shims.ts';

const LOCK = 'shim.lock';
/** What shims and runtimes leave in the state directory. */
const STATE_FILES = [EXIT_RECORD, LOCK, 'shim.sock', 'console.sock', 'init.pid', 'runtime.log'];
/** A shim that holds its lock but serves nobody runs the runtime's create or delete; longer than this, it hangs. */
const BUSY_SHIM_MS = 30_000;
const BUSY_SHIM_POLL_MS = 20;
const DELETE_TIMEOUT_MS = 30_000;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** 128 + SIGKILL: what becomes of a container whose shim is lost. */
const KILLED = 137;

export interface ShimLauncherOptions {
  /** The program `gantry-runtime`, which is the shim as well. */
  readonly runtimeBinary: string;
  readonly native: Native;
  readonly logger: Logger;
}

export class ShimLauncher implements Shims {
  readonly #runtimeBinary: string;
  readonly #native: Native;
  readonly #logger: Logger;
  /** What shims are executed from: no container gets at the host's binary through its shim, nor through its runtime. */
  #executable: number | undefined;
  /** Shims of ours that haven't been reaped. */
  readonly #children = new Set<number>();

  constructor({ runtimeBinary, native, logger }: ShimLauncherOptions) {
    this.#runtimeBinary = runtimeBinary;
    this.#native = native;
    this.#logger = logger.child({ component: 'shim' });
  }

  async create(options: ShimOptions): Promise<Shim> {
    const made = mkdirSync(options.stateDir, { recursive: true, mode: 0o700 });
    try {
      // Of an earlier run; read by find() in place of this one's if we die before the shim has removed it.
      rmSync(join(options.stateDir, EXIT_RECORD), { force: true });
      const report = parseReport(await this.#runShim(options));
      if (!hasPid(report)) throw shimFailure(`cannot create container ${options.containerId}`, report);
    } catch (error) {
      await clearStateDir(options.stateDir, made !== undefined);
      throw error;
    }
    return this.#client(await this.#connect(options), options);
  }

  async find(options: ShimOptions): Promise<FoundShim> {
    const deadline = performance.now() + BUSY_SHIM_MS;
    for (;;) {
      const connection = await openConnection(options.stateDir);
      if (connection !== undefined) return { kind: 'alive', shim: this.#client(connection, options) };
      // Asked before the record is looked for: a shim writes its record before it lets go of the lock.
      const busy = this.#isLocked(options.stateDir);
      const record = await readExitRecord(options.stateDir, this.#logger);
      if (record !== undefined) return { kind: 'exited', record };
      if (!busy) break;
      if (performance.now() > deadline) await this.#killShim(options);
      await delay(BUSY_SHIM_POLL_MS);
    }
    await this.#deleteContainer(options);
    return { kind: 'lost' };
  }

  /** To a shim that has just reported: nobody there means that it was killed since. */
  async #connect(options: ShimOptions): Promise<ShimConnection> {
    try {
      return await ShimConnection.open(options.stateDir);
    } catch (cause) {
      await this.#deleteContainer(options);
      throw new GantryError('HOST', `cannot reach the shim of container ${options.containerId}`, { cause });
    }
  }

  #client(connection: ShimConnection, options: ShimOptions): Shim {
    return new ShimClient(connection, {
      containerId: options.containerId,
      stateDir: options.stateDir,
      logger: this.#logger.child({ container: options.containerId }),
      lost: () => this.#recordOfLost(options),
    });
  }

  /** Runs the shim until it has reported. It goes on by itself, whatever becomes of us. */
  async #runShim(options: ShimOptions): Promise<string> {
    const argv = [this.#runtimeBinary, ...shimArguments(options)];
    try {
      this.#executable ??= this.#native.openReadOnlyMount(this.#runtimeBinary);
      const environment = [`PATH=${process.env.PATH ?? DEFAULT_PATH}`];
      const { pid, output } = await this.#native.spawnDaemon(argv, environment, this.#executable);
      this.#adopt(pid);
      return output.trim();
    } catch (cause) {
      throw new GantryError('HOST', `cannot run the shim ${this.#runtimeBinary}: ${String(cause)}`, { cause });
    }
  }

  /** Whatever becomes of it, it won't stay behind as a zombie. The shims of an earlier agent are the children of init. */
  #adopt(pid: number): void {
    if (this.#children.size === 0) process.on('SIGCHLD', this.#reap);
    this.#children.add(pid);
    // It may have ended before we knew it.
    this.#reap();
  }

  readonly #reap = (): void => {
    for (const pid of this.#children) {
      if (this.#native.reap(pid)) this.#children.delete(pid);
    }
    if (this.#children.size === 0) process.off('SIGCHLD', this.#reap);
  };

  /** Does a shim live there? Its lock ends with it, however it ends. */
  #isLocked(stateDir: string): boolean {
    let fd: number;
    try {
      fd = openSync(join(stateDir, LOCK), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
    try {
      return !this.#native.tryLock(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Only called while the lock is held: the pid in it is the holder's. */
  async #killShim(options: ShimOptions): Promise<void> {
    const pid = Number.parseInt(await readFile(join(options.stateDir, LOCK), 'utf8'), 10);
    this.#logger.warn({ container: options.containerId, pid }, 'killing a shim that hangs');
    if (pid > 0 && this.#isLocked(options.stateDir)) process.kill(pid, 'SIGKILL');
  }

  async #recordOfLost(options: ShimOptions): Promise<ExitRecord> {
    const record = await readExitRecord(options.stateDir, this.#logger);
    if (record !== undefined) return record;
    this.#logger.warn({ container: options.containerId }, 'a shim has died; deleting its container');
    await this.#deleteContainer(options);
    return { code: KILLED, oomKilled: false, finishedAtMs: Date.now() };
  }

  /** Kills what is left of the container and removes its cgroup. No error when there is nothing. */
  async #deleteContainer(options: ShimOptions): Promise<void> {
    const { runtime, runtimeRoot, containerId, stateDir } = options;
    try {
      await promisify(execFile)(runtime, ['--root', runtimeRoot, 'delete', '--force', containerId], {
        timeout: DELETE_TIMEOUT_MS,
      });
    } catch (error) {
      // The engine goes on with what it has to clear up; the next run's create would say what is in its way.
      this.#logger.warn({ err: error, container: containerId }, 'cannot delete a container that has lost its shim');
    }
    await clearStateDir(stateDir, false);
  }
}

function shimArguments(options: ShimOptions): string[] {
  const flags = [];
  if (options.openStdin) flags.push('--open-stdin');
  if (options.logWaits) flags.push('--log-wait');
  if (options.terminal) flags.push('--terminal');
  return [
    ...['shim', '--id', options.containerId, '--bundle', options.bundle, '--state-dir', options.stateDir],
    ...['--log', options.logPath, '--log-max-size', `${options.logMaxSizeBytes}`],
    ...['--log-max-files', `${options.logMaxFiles}`, ...flags],
    ...['--runtime', options.runtime, '--runtime-root', options.runtimeRoot],
  ];
}

function hasPid(report: unknown): report is { readonly pid: number } {
  return typeof report === 'object' && report !== null && 'pid' in report && typeof report.pid === 'number';
}

/** Undefined when nobody serves the socket. */
async function openConnection(stateDir: string): Promise<ShimConnection | undefined> {
  try {
    return await ShimConnection.open(stateDir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET') return undefined;
    throw error;
  }
}

async function clearStateDir(stateDir: string, whole: boolean): Promise<void> {
  if (whole) {
    await rm(stateDir, { recursive: true, force: true });
    return;
  }
  await Promise.all(STATE_FILES.map((name) => rm(join(stateDir, name), { force: true })));
}
