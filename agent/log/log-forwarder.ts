/**
 * Sends one container's log on, from where it was left, as it grows. The log itself is the buffer: what hasn't been sent stays
 * in its files, of which no more than a chunk is in memory. After a crash a chunk may be sent twice.
 */
import { unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Retry } from '../../proto/log/sent-log.ts';
import { ChangeWatch } from './change-watch.ts';
import { type CriRecord, parseRecord, recordMs } from './cri-record.ts';
import { LogWalk, type WalkedChunk } from './log-walk.ts';
import { loadSentPlace, resume, type SentPlace, saveSentPlace } from './sent-place.ts';
import type { LogSink } from './sinks/log-sink.ts';

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** How long a log that is removed is still sent. */
const RELEASED_MS = 60_000;

export interface ForwarderOptions {
  readonly logPath: string;
  readonly placePath: string;
  readonly sink: LogSink;
  readonly retry: Retry;
  /** The shim waits while there is a file with this name: it is removed once it is sent. Undefined: the shim doesn't wait. */
  readonly fullPath: string | undefined;
  readonly logger: Logger;
}

export class LogForwarder {
  readonly #options: ForwarderOptions;
  readonly #walk: LogWalk;
  readonly #stop = new AbortController();
  #place: SentPlace | undefined;
  #ended: boolean = false;
  #woken = Promise.withResolvers<void>();
  #released: boolean = false;
  #isDone: boolean = false;
  /** And that was said. */
  #isUnsaved: boolean = false;
  #lastCall: NodeJS.Timeout | undefined;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#walk = new LogWalk(options.logPath);
  }

  /** Until all of a container's log is sent that has ended, or it is stopped. */
  async run(): Promise<void> {
    const { logPath, placePath, sink } = this.#options;
    const { signal } = this.#stop;
    this.#place = loadSentPlace(placePath);
    try {
      using watch = new ChangeWatch(dirname(logPath));
      await this.#resume();
      while (!signal.aborted) {
        // All three are taken before the log is read: what is written afterwards ends the wait.
        const isLast = this.#ended;
        const changed = watch.next();
        const woken = this.#woken.promise;
        const chunk = await this.#walk.next();
        this.#warnOfGap(this.#walk.wasOutrun);
        this.#walk.wasOutrun = false;
        if (chunk !== undefined) await this.#deliver(chunk);
        else if (isLast && this.#ended) return;
        else await Promise.race([changed, woken]);
      }
    } finally {
      this.#isDone = true;
      clearTimeout(this.#lastCall);
      sink.close();
      await this.#walk.close();
    }
  }

  /** Nothing more will be written, for now. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** It runs again. False: this one has come to its end. */
  goOn(): boolean {
    if (!this.#isDone) this.#ended = false;
    return !this.#isDone;
  }

  /** The log is about to be removed: what it has is still sent. */
  async release(): Promise<void> {
    if (this.#isDone) return;
    await this.#walk.hold();
    this.#released = true;
    this.#lastCall = setTimeout(() => this.stop(), RELEASED_MS);
    this.end();
  }

  stop(): void {
    this.#stop.abort();
    this.#wake();
  }

  #wake(): void {
    this.#woken.resolve();
    this.#woken = Promise.withResolvers();
  }

  async #resume(): Promise<void> {
    await this.#walk.open(async (files) => {
      const resumption = await resume(files, this.#place);
      this.#warnOfGap(resumption.hasGap);
      return resumption;
    });
  }

  #warnOfGap(isThere: boolean): void {
    if (!isThere) return;
    this.#options.logger.warn("a container's log was turned over faster than it could be sent: lines may be missing");
  }

  async #deliver({ records, end }: WalkedChunk): Promise<void> {
    const parsed = records.map(parseRecord).filter((record) => record !== undefined);
    if (parsed.length > 0) await this.#send(parsed);
    if (this.#stop.signal.aborted) return;
    const last = parsed.at(-1);
    this.#place = { ...end, lastMs: last === undefined ? (this.#place?.lastMs ?? 0) : recordMs(last) };
    if (this.#released) return;
    this.#savePlace(this.#place);
    this.#makeRoom();
  }

  /** What a full disk doesn't take comes with the next chunk; until then a crash has more sent twice. */
  #savePlace(place: SentPlace): void {
    const { placePath, logger } = this.#options;
    try {
      saveSentPlace(placePath, place);
      this.#isUnsaved = false;
    } catch (error) {
      if (!this.#isUnsaved) logger.warn({ err: error }, "how far a container's log was sent can't be kept");
      this.#isUnsaved = true;
    }
  }

  /** Again and again, until it is done, given up as the options say, or stopped. */
  async #send(records: readonly CriRecord[]): Promise<void> {
    const { sink, retry, logger } = this.#options;
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await sink.send(records, signal);
        if (failures > 0) logger.info({ failures }, "the receiver of a container's log is there again");
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (failures >= (retry.limit ?? Number.POSITIVE_INFINITY)) {
          logger.warn({ err: error, lines: records.length }, "lines of a container's log were given up");
          return;
        }
        if (failures === 0) logger.warn({ err: error }, "a container's log can't be sent, and is kept until it can");
        await pause(retryDelayMs(failures, retry), signal);
      }
    }
  }

  /** Where the shim waits for the oldest file to go. */
  #makeRoom(): void {
    const { fullPath } = this.#options;
    if (fullPath === undefined || this.#walk.isReading(fullPath)) return;
    try {
      unlinkSync(fullPath);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
}

export function retryDelayMs(failures: number, { delayMs }: Retry): number {
  return delayMs ?? Math.min(FIRST_DELAY_MS * 2 ** failures, LONGEST_DELAY_MS);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
