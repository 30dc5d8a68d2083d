/** The most memory that a daemon has had at once, with its threads and the programs that it started. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const SAMPLE_MS = 40;

export class MemoryMeter {
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Resident, of the daemon alone. */
  nowKb(): number {
    return statusKb(this.#pid, 'VmRSS');
  }

  /**
   * While `work` goes on: the daemon's own peak and the peak of its children, whose sum is no less than what both had at
   * once.
   */
  async peakKb(work: () => Promise<void>): Promise<number> {
    // The high-water mark begins anew. Source: proc(5), /proc/pid/clear_refs.
    writeFileSync(`/proc/${this.#pid}/clear_refs`, '5');
    let childrenKb = 0;
    const timer = setInterval(() => {
      childrenKb = Math.max(childrenKb, descendantsKb(this.#pid));
    }, SAMPLE_MS);
    try {
      await work();
    } finally {
      clearInterval(timer);
    }
    return statusKb(this.#pid, 'VmHWM') + childrenKb;
  }
}

function statusKb(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  } catch {
    // It ended while we looked.
    return 0;
  }
}

function descendantsKb(pid: number): number {
  const own = commandLine(pid);
  return childrenOf(pid).reduce((sum, child) => {
    // Between fork and exec a child shows its parent's memory.
    if (commandLine(child) === own) return sum;
    return sum + statusKb(child, 'VmRSS') + descendantsKb(child);
  }, 0);
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}
