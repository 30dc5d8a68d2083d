/** Keeps one manager running: finds it or starts it, and starts it again when it ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Backoff } from '../session/backoff.ts';
import { findManager, type ManagerCommand, type ManagerProcess, spawnManager } from './manager-process.ts';

export interface SupervisorOptions {
  /** As the manager is to be started now. */
  readonly command: () => ManagerCommand;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Another program than the one beside ours: for tests. */
  readonly program?: string;
}

/** What has run this long wasn't a failed start: the next start isn't delayed. */
const STABLE_MS = 10_000;
/** The manager flushes its log and ends its calls in well under this. */
const STOP_TIMEOUT_MS = 10_000;

export class ManagerSupervisor {
  readonly #options: SupervisorOptions;
  #lastExit = '';
  #exits = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** How the manager last ended; empty when it hasn't. */
  get lastExit(): string {
    return this.#lastExit;
  }

  /** How often it has ended by itself. */
  get exits(): number {
    return this.#exits;
  }

  /** Runs until `signal` aborts, and then ends the manager. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, random, now } = this.#options;
    const backoff = new Backoff({ firstMs: 100, lastMs: 10_000, random });
    while (!signal.aborted) {
      const startedAt = now();
      const manager = this.#findOrSpawn();
      await orAborted(manager.exited, signal);
      if (signal.aborted) return this.#stop(manager);
      this.#lastExit = await manager.exited;
      this.#exits += 1;
      if (now() - startedAt >= STABLE_MS) backoff.reset();
      const delayMs = backoff.nextMs();
      logger.error({ pid: manager.pid, exit: this.#lastExit, delayMs }, 'the manager ended; starting it again');
      await orAborted(sleep(delayMs), signal);
    }
  }

  #findOrSpawn(): ManagerProcess {
    const { logger, program } = this.#options;
    const command = this.#options.command();
    const found = findManager(command);
    if (found !== undefined) {
      logger.info({ pid: found.pid }, 'found the manager running');
      return found;
    }
    const spawned = spawnManager(command, program);
    logger.info({ pid: spawned.pid }, 'started the manager');
    return spawned;
  }

  async #stop({ pid, exited }: ManagerProcess): Promise<void> {
    kill(pid, 'SIGTERM');
    const killTimer = setTimeout(() => {
      this.#options.logger.warn({ pid }, 'the manager does not end; killing it');
      kill(pid, 'SIGKILL');
    }, STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(killTimer);
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  if (pid === 0) return;
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Gone already is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Resolves with the first of both. */
function orAborted(event: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      signal.removeEventListener('abort', settle);
      resolve();
    };
    signal.addEventListener('abort', settle, { once: true });
    if (signal.aborted) settle();
    void event.then(settle);
  });
}
