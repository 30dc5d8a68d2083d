/** Reads a container's log: what is there, from where the query wants it, and what comes. */
import { dirname } from 'node:path';
import type { LogLine } from '../../proto/generated/gantry/v1/engine.ts';
import type { LogQuery } from '../container/containers.ts';
import { ChangeWatch } from './change-watch.ts';
import { LineAssembler, parseRecord, RecordSplitter, recordMs } from './cri-record.ts';
import { closeLogFiles, type LogFile, openLogFiles } from './log-files.ts';
import { findTail } from './tail.ts';

const CHUNK = 64 * 1024;

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

/** A place in the log, which moves on through its files. */
class LogCursor {
  readonly #path: string;
  readonly #query: LogQuery;
  readonly #assembler = new LineAssembler();
  #splitter = new RecordSplitter();
  /** Still to be read, oldest first; the first one is being read. */
  #files: LogFile[] = [];
  #offset = 0;
  /** `untilMs` has been passed. */
  finished: boolean = false;

  constructor(path: string, query: LogQuery) {
    this.#path = path;
    this.#query = query;
  }

  async open(): Promise<void> {
    this.#files = await openLogFiles(this.#path, undefined);
    if (this.#query.tail === undefined) return;
    const { file, offset } = await findTail(this.#files, this.#query.tail);
    await closeLogFiles(this.#files.splice(0, file));
    this.#offset = offset;
  }

  async close(): Promise<void> {
    await closeLogFiles(this.#files.splice(0));
  }

  /** All there is for now. */
  async *read(signal: AbortSignal): AsyncGenerator<LogLine> {
    if (this.#files.length === 0) this.#files = await openLogFiles(this.#path, undefined);
    for (;;) {
      yield* this.#readFile(signal);
      if (signal.aborted || this.finished) return;
      if (!(await this.#nextFile())) return;
    }
  }

  /** Lines that were never ended. */
  *finish(): Generator<LogLine> {
    yield* this.#assembler.finish();
  }

  /** The first file to its present end. */
  async *#readFile(signal: AbortSignal): AsyncGenerator<LogLine> {
    const file = this.#files[0];
    if (file === undefined) return;
    while (!signal.aborted) {
      // A fresh buffer each time, as lines point into it.
      const { bytesRead, buffer } = await file.handle.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      for (const bytes of this.#splitter.push(buffer.subarray(0, bytesRead))) {
        const line = this.#take(bytes);
        if (this.finished) return;
        if (line !== undefined) yield line;
      }
    }
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

  /** Goes on to the next file, if the present one has been turned over and is read to its end. */
  async #nextFile(): Promise<boolean> {
    const [current, next] = this.#files;
    if (current === undefined) return false;
    if (next === undefined) {
      const younger = await openLogFiles(this.#path, current);
      if (younger.length === 0) return false;
      this.#files.push(...younger);
      // The last records may have come between our last read and the turn-over.
      return true;
    }
    await current.handle.close();
    this.#files.shift();
    this.#offset = 0;
    this.#splitter = new RecordSplitter();
    return true;
  }
}
