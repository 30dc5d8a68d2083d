/** Prints what the containers of a project write, while they write it, and the rest of it when they have ended. */
import { setTimeout as delay } from 'node:timers/promises';
import { responses } from '../../proto/client.ts';
import type { ControlClient, ServiceLogLine } from '../../proto/generated/gantry/v1/control.ts';
import type { Task } from '../../proto/generated/gantry/v1/types.ts';
import type { Cli } from '../cli.ts';
import { isLost } from '../cluster-watch.ts';
import { type LogLines, printLogLine } from './log-lines.ts';

export type Followed =
  /** What new tasks of a service write, from `sinceMs` on. */
  | { readonly kind: 'service'; readonly id: string; readonly sinceMs: number }
  /** What a task writes that has been running for a while, from now on. */
  | { readonly kind: 'task'; readonly id: string };

const RETRY_MS = 200;

export class LogFollower {
  readonly #cli: Cli;
  readonly #control: ControlClient;
  readonly #lines: LogLines;
  /** Tasks that aren't new. */
  readonly #earlier: ReadonlySet<string>;
  readonly #over = new AbortController();
  readonly #following: Promise<void>[] = [];
  readonly #services = new Set<string>();
  /** Time of the last line that was printed, by task, in nanoseconds: a line that comes twice is printed once. */
  readonly #printed = new Map<string, bigint>();

  constructor(cli: Cli, control: ControlClient, lines: LogLines, earlier: ReadonlySet<string>) {
    this.#cli = cli;
    this.#control = control;
    this.#lines = lines;
    this.#earlier = earlier;
  }

  follow(followed: Followed): void {
    if (followed.kind === 'service') this.#services.add(followed.id);
    this.#following.push(this.#follow(followed));
  }

  /** The rest of what a task of a followed service has written that has ended. */
  async finish({ id: taskId, serviceId }: Pick<Task, 'id' | 'serviceId'>): Promise<void> {
    // Of one that was there before, nothing but what has been written since is of interest.
    const isNew = this.#services.has(serviceId) && !this.#earlier.has(taskId);
    const last = this.#printed.get(taskId) ?? (isNew ? 0n : undefined);
    if (last === undefined) return;
    const request = { reference: taskId, follow: false, sinceMs: Number(last / 1_000_000n), untilMs: 0 };
    try {
      for await (const line of responses(this.#control.serviceLogs(request))) await this.#print(line);
    } catch (error) {
      // Its node is gone, or the task is: there is no more to be had.
      if (!isLost(error)) return;
    }
  }

  /** Rejects with what broke the logs off, if something did. */
  async close(): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#following);
  }

  /** Goes on where it was when another manager takes over. */
  async #follow(followed: Followed): Promise<void> {
    const { signal } = this.#over;
    let from = followed.kind === 'task' ? { sinceMs: 0, tail: 0 } : { sinceMs: followed.sinceMs };
    while (!signal.aborted) {
      const call = this.#control.serviceLogs({ reference: followed.id, follow: true, untilMs: 0, ...from });
      const cancel = () => call.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      try {
        for await (const line of responses(call)) {
          if (followed.kind === 'task' || !this.#earlier.has(line.taskId)) await this.#print(line);
        }
        return;
      } catch (error) {
        if (signal.aborted || !isLost(error)) return;
      } finally {
        signal.removeEventListener('abort', cancel);
      }
      from = { sinceMs: Math.max(from.sinceMs, Number(this.#latest() / 1_000_000n)) };
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  #latest(): bigint {
    return [...this.#printed.values()].reduce((latest, time) => (time > latest ? time : latest), 0n);
  }

  async #print(line: ServiceLogLine): Promise<void> {
    const time = BigInt(line.timestampNs || '0');
    if (time <= (this.#printed.get(line.taskId) ?? -1n)) return;
    this.#printed.set(line.taskId, time);
    await printLogLine(this.#cli, this.#lines, line);
  }
}
