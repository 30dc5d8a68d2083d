/**
 * On cgroup version 1 a process is moved into its cgroup under a lock of the kernel, and who takes that lock first
 * waits for an RCU grace period: 10 ms and more. Whoever takes it shortly after doesn't. So we take it when a start
 * begins, and the wait passes while the container's file system and network are made. On version 2 processes are
 * born in their cgroup (clone3(2), CLONE_INTO_CGROUP), without the lock.
 */
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { Logger } from 'pino';

/** Where this process says that it wants to be in the version 1 cgroup that it is in; undefined when there is none. */
export function findOwnProcs(): string | undefined {
  for (const line of readFileSync('/proc/self/cgroup', 'utf8').split('\n')) {
    const [, controllers = '', path = ''] = line.split(':');
    const procs = `/sys/fs/cgroup/${controllers}${path === '/' ? '' : path}/cgroup.procs`;
    if (controllers !== '' && !controllers.includes('=') && existsSync(procs)) return procs;
  }
  return undefined;
}

export class CgroupLock {
  readonly #procs: string | undefined;
  readonly #logger: Logger;

  constructor(procs: string | undefined, logger: Logger) {
    this.#procs = procs;
    this.#logger = logger;
  }

  /** Moves this process to where it is: nothing but the wait. A start does without it when that fails. */
  takeEarly(): void {
    if (this.#procs === undefined) return;
    writeFile(this.#procs, '0').catch((error: unknown) => {
      this.#logger.debug({ err: error, file: this.#procs }, "the kernel's cgroup lock was not taken early");
    });
  }
}
