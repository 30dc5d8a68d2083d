/** Reads what all running containers use, without keeping the event loop for long. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Container, ContainerStatus } from '../../proto/generated/gantry/v1/engine.ts';
import { type CgroupMount, parseCgroupMounts } from './cgroup-paths.ts';
import { readUsage, type Usage, type UsageSource } from './usage.ts';

/** So many take a millisecond or two. */
const PER_TURN = 8;
/** None of the files has more that counts. */
const MAX_FILE_BYTES = 64 * 1024;

export interface ContainerUsage {
  readonly container: Container;
  readonly usage: Usage;
}

export class UsageReader {
  readonly #buffer = Buffer.alloc(MAX_FILE_BYTES);
  #mounts: readonly CgroupMount[] | undefined;

  /**
   * In the order given; those that don't run, or no longer, are left out. The files are the kernel's memory, so that no
   * read waits for a disk: to have the thread pool read them would take several times as long.
   */
  async read(containers: readonly Container[]): Promise<ContainerUsage[]> {
    this.#mounts ??= parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
    const found: ContainerUsage[] = [];
    const running = containers.filter((container) => isRunning(container));
    for (const [index, container] of running.entries()) {
      if (index > 0 && index % PER_TURN === 0) await nextTurn();
      const usage = readUsage(sourceOf(container), this.#mounts, (path) => this.#text(path));
      if (usage !== undefined) found.push({ container, usage });
    }
    return found;
  }

  #text(path: string): string {
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch {
      return '';
    }
    try {
      return this.#buffer.toString('latin1', 0, readSync(fd, this.#buffer));
    } catch {
      // ESRCH, ENODEV: the process or its cgroup has gone since.
      return '';
    } finally {
      closeSync(fd);
    }
  }
}

function isRunning({ state }: Container): boolean {
  const status = state?.status;
  return (status === ContainerStatus.RUNNING || status === ContainerStatus.PAUSED) && (state?.pid ?? 0) > 0;
}

function sourceOf({ id, state, networks }: Container): UsageSource {
  return { id, pid: state?.pid ?? 0, ownNetwork: networks.length > 0 };
}
