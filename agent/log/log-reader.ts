/** Reads a container's log: what is there, from where the query wants it, and what comes. */
import { dirname } from 'node:path';
import type { LogLine } from '../../proto/generated/gantry/v1/engine.ts';
import type { LogQuery } from '../container/containers.ts';
import { ChangeWatch } from './change-watch.ts';
import { LineAssembler, parseRecord, recordMs } from './cri-record.ts';
import { LogWalk } from './log-walk.ts';
import { findTail } from './tail.ts';

/**
 * Lines in the order they were written. `sinceMs` and `untilMs` are inclusive, 0 stands for no bound; `tail` is
 * counted before they are applied, as with Docker. A log that isn't there yet is an empty one.
 *
 * With `follow` it goes on until `ended` has resolved (the container has ended, and its log is whole), the time
 * `untilMs` is reached in the log, or the signal aborts, which is a normal end.
 */
export async function* readLogs(
  logPath: string,
  query: LogQuery,
  ended: Promise<void>,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const cursor = new LogCursor(logPath, query);
  using watch = query.follow ? new ChangeWatch(dirname(logPath)) : undefined;
  try {
    await cursor.open();
    const end = endOf(ended, signal);
    for (;;) {
      // Both are taken before the log is read: what is written afterwards ends the wait.
      const last = watch === undefined || end.reached;
      const changed = watch?.next();
      yield* cursor.read(signal);
      if (signal.aborted || cursor.finished) return;
      if (last) break;
      await Promise.race([changed, end.promise]);
    }
    yield* cursor.finish();
  } finally {
    await cursor.close();
  }
}

interface End {
  readonly promise: Promise<void>;
  readonly reached: boolean;
}

function endOf(ended: Promise<void>, signal: AbortSignal): End {
  const { promise, resolve } = Promise.withResolvers<void>();
  let reached = false;
  const finish = (): void => {
    reached = true;
    resolve();
  };
  if (signal.aborted) finish();
  signal.addEventListener('abort', finish, { once: true });
  ended.then(finish, finish);
  return {
    promise,
    get reached() {
      return reached;
    },
  };
}

/** The lines that a query wants, of a log that is walked through. */
class LogCursor {
  readonly #walk: LogWalk;
  readonly #query: LogQuery;
  readonly #assembler = new LineAssembler();
  /** `untilMs` has been passed. */
  finished: boolean = false;

  constructor(path: string, query: LogQuery) {
    this.#walk = new LogWalk(path);
    this.#query = query;
  }

  async open(): Promise<void> {
    const { tail } = this.#query;
    await this.#walk.open(tail === undefined ? undefined : (files) => findTail(files, tail));
  }

  async close(): Promise<void> {
    await this.#walk.close();
  }

  /** All there is for now. */
  async *read(signal: AbortSignal): AsyncGenerator<LogLine> {
    while (!signal.aborted) {
      const chunk = await this.#walk.next();
      if (chunk === undefined) return;
      for (const bytes of chunk.records) {
        const line = this.#take(bytes);
        if (this.finished) return;
        if (line !== undefined) yield line;
      }
    }
  }

  /** Lines that were never ended. */
  *finish(): Generator<LogLine> {
    yield* this.#assembler.finish();
  }

  #take(bytes: Buffer): LogLine | undefined {
    const record = parseRecord(bytes);
    if (record === undefined) return undefined;
    const { sinceMs, untilMs } = this.#query;
    const ms = recordMs(record);
    if (untilMs !== 0 && ms > untilMs) {
      this.finished = true;
      return undefined;
    }
    return ms < sinceMs ? undefined : this.#assembler.push(record);
  }
}
