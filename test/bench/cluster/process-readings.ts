/** What a manager takes of the machine, and how late its event loop was, between two looks. */
import { readFileSync } from 'node:fs';

export interface ProcessReadings {
  readonly rssMb: number;
  /** Of one processor, all threads. */
  readonly cpuPercent: number;
  /** Of the time, that its main thread was ready and other processes had the processors. */
  readonly waitingPercent: number;
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
}

/** The histogram's own timer, which is in all its values. */
const RESOLUTION_MS = 10;
const TICKS_PER_SECOND = 100;

export class ProcessMeter {
  readonly #pid: number;
  readonly #metrics: string;
  #before = { ms: 0, cpuMs: 0, waitingMs: 0 };

  /** `metricsAddress`: IP:PORT. */
  constructor(pid: number, metricsAddress: string) {
    this.#pid = pid;
    this.#metrics = `http://${metricsAddress}/metrics`;
  }

  /** From here on. */
  async begin(): Promise<void> {
    // The histogram begins anew with each scrape; what the scrape itself takes is not to count.
    await this.#scrape();
    await this.#scrape();
    this.#before = this.#times();
  }

  async read(): Promise<ProcessReadings> {
    const [before, after] = [this.#before, this.#times()];
    const lasted = after.ms - before.ms;
    const text = await this.#scrape();
    const lagMs = (name: string) => {
      const seconds = Number(new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)`, 'm').exec(text)?.[1]);
      return Math.max(0, seconds * 1000 - RESOLUTION_MS);
    };
    const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8');
    return {
      rssMb: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024,
      cpuPercent: (100 * (after.cpuMs - before.cpuMs)) / lasted,
      waitingPercent: (100 * (after.waitingMs - before.waitingMs)) / lasted,
      delayP99Ms: lagMs('p99'),
      delayMaxMs: lagMs('max'),
    };
  }

  async #scrape(): Promise<string> {
    return (await fetch(this.#metrics)).text();
  }

  #times() {
    const stat = readFileSync(`/proc/${this.#pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const cpuMs = ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
    const schedule = readFileSync(`/proc/${this.#pid}/task/${this.#pid}/schedstat`, 'utf8').split(' ');
    return { ms: performance.now(), cpuMs, waitingMs: Number(schedule[1]) / 1e6 };
  }
}

export function readingsText({ rssMb, cpuPercent, waitingPercent, delayP99Ms, delayMaxMs }: ProcessReadings): string {
  const delay = `event loop late by ${delayP99Ms.toFixed(0)} ms at p99, ${delayMaxMs.toFixed(0)} ms at most`;
  const processor = `${cpuPercent.toFixed(0)} % of a processor (kept from one ${waitingPercent.toFixed(0)} % of the time)`;
  return `leader: ${rssMb.toFixed(0)} MiB RSS, ${processor}; ${delay}`;
}
