/** A process full of agents, and what is known of them. */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { FleetMessage, FleetNews, FleetOrder } from './fleet-messages.ts';

export class AgentFleet {
  readonly #process: ChildProcess;
  readonly joinedMs: Promise<number>;
  /** Since they were last taken. */
  #arrivalsMs: number[] = [];
  #longestDelayMs = 0;
  #broken = 0;
  #news: FleetNews | undefined;

  private constructor(child: ChildProcess) {
    this.#process = child;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.joinedMs = promise;
    // Whoever waits for it hears of it; later nobody does.
    promise.catch(() => undefined);
    child.once('exit', () => reject(new Error('a process of agents has ended')));
    child.on('message', (message: FleetMessage) => {
      if (message.kind === 'joined') resolve(message.ms);
      else this.#hear(message.news);
    });
  }

  static start(order: FleetOrder): AgentFleet {
    const options: ForkOptions = { serialization: 'advanced', execArgv: [], detached: true };
    const child = fork(join(import.meta.dirname, 'fleet-process.ts'), options);
    child.send(order);
    return new AgentFleet(child);
  }

  get connected(): number {
    return this.#news?.connected ?? 0;
  }

  get running(): number {
    return this.#news?.running ?? 0;
  }

  get mostOnOne(): number {
    return this.#news?.mostOnOne ?? 0;
  }

  get arrived(): number {
    return this.#arrivalsMs.length;
  }

  /** What there is since the last time. */
  take(): { readonly arrivalsMs: readonly number[]; readonly longestDelayMs: number; readonly broken: number } {
    const taken = { arrivalsMs: this.#arrivalsMs, longestDelayMs: this.#longestDelayMs, broken: this.#broken };
    this.#arrivalsMs = [];
    this.#longestDelayMs = 0;
    this.#broken = 0;
    return taken;
  }

  /** As a host without power: its connections stay, and nobody answers on them. */
  freeze(): void {
    this.#process.kill('SIGSTOP');
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }

  #hear(news: FleetNews): void {
    this.#news = news;
    for (const ms of news.arrivalsMs) this.#arrivalsMs.push(ms);
    this.#longestDelayMs = Math.max(this.#longestDelayMs, news.longestDelayMs);
    this.#broken += news.broken;
  }
}
