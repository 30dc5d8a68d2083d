/**
 * How long the event loop is held up: the longest of its turns, as time that passed and as time that this thread
 * computed. The latter is what counts where other processes take the processor away, as they do on a busy machine.
 */
import { PerformanceObserver } from 'node:perf_hooks';

export interface Pauses {
  readonly longestMs: number;
  readonly longestCpuMs: number;
  /** Part of the above. */
  readonly longestGcMs: number;
}

export class PauseMeter {
  #longestMs = 0;
  #longestCpuMs = 0;
  #longestGcMs = 0;
  #turn: NodeJS.Immediate | undefined;
  readonly #observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) this.#longestGcMs = Math.max(this.#longestGcMs, duration);
  });

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
    this.#measure(performance.now(), cpuMs());
  }

  async stop(): Promise<Pauses> {
    // What was computed up to now counts, too, and what the observer hasn't told yet.
    await new Promise((resolve) => setTimeout(resolve, 10));
    clearImmediate(this.#turn);
    this.#observer.disconnect();
    return { longestMs: this.#longestMs, longestCpuMs: this.#longestCpuMs, longestGcMs: this.#longestGcMs };
  }

  #measure(beginMs: number, beginCpuMs: number): void {
    this.#turn = setImmediate(() => {
      const [endMs, endCpuMs] = [performance.now(), cpuMs()];
      this.#longestMs = Math.max(this.#longestMs, endMs - beginMs);
      this.#longestCpuMs = Math.max(this.#longestCpuMs, endCpuMs - beginCpuMs);
      this.#measure(endMs, endCpuMs);
    });
  }
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

export interface Measured<Result> {
  readonly result: Result;
  readonly ms: number;
  readonly pauses: Pauses;
}

export async function measured<Result>(action: () => Promise<Result>): Promise<Measured<Result>> {
  const meter = new PauseMeter();
  const begin = performance.now();
  const result = await action();
  const ms = performance.now() - begin;
  return { result, ms, pauses: await meter.stop() };
}

export function pausesText({ longestMs, longestCpuMs, longestGcMs }: Pauses): string {
  return `longest turn ${longestMs.toFixed(0)} ms, of it computing ${longestCpuMs.toFixed(0)} ms; longest GC ${longestGcMs.toFixed(0)} ms`;
}
