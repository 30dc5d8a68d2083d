/** Goes through a container's log files in the order they were written, from a place on, and follows turn-overs. */
import { statSync } from 'node:fs';
import { RecordSplitter } from './cri-record.ts';
import { closeLogFiles, type LogFile, openLogFiles } from './log-files.ts';

const CHUNK = 64 * 1024;

/** A place in the log: behind a whole record. */
export interface LogPlace {
  readonly inode: number;
  readonly offset: number;
}

export interface WalkedChunk {
  /** Whole ones, without their newlines. Perhaps none. */
  readonly records: readonly Buffer[];
  /** Behind the last of them. */
  readonly end: LogPlace;
}

export class LogWalk {
  readonly #path: string;
  #splitter = new RecordSplitter();
  /** Still to be read, oldest first; the first one is being read. */
  #files: LogFile[] = [];
  #offset = 0;
  #held: LogFile[] | undefined;
  /** It has come to the end of a file that was removed meanwhile, and with it perhaps younger ones. */
  wasOutrun: boolean = false;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * At the beginning, or where `choose` says: given the files, oldest first, the index of one and an offset in it. A log that
   * isn't there yet is looked for again by `next`.
   */
  async open(
    choose?: (files: readonly LogFile[]) => Promise<{ readonly file: number; readonly offset: number }>,
  ): Promise<void> {
    this.#files = await openLogFiles(this.#path, undefined);
    if (choose === undefined) return;
    const { file, offset } = await choose(this.#files);
    await closeLogFiles(this.#files.splice(0, file));
    this.#offset = offset;
  }

  /** What comes next; undefined at the present end. */
  async next(): Promise<WalkedChunk | undefined> {
    if (this.#files.length === 0) this.#files = await this.#openAfter(undefined);
    for (;;) {
      const chunk = await this.#read();
      if (chunk !== undefined) return chunk;
      if (!(await this.#nextFile())) return undefined;
    }
  }

  /** Opens all there is, so that it can be read to its end although it is removed. Nothing that comes later is seen. */
  async hold(): Promise<void> {
    this.#held ??= await openLogFiles(this.#path, undefined);
  }

  /** Whether the file is yet to be read, or to its end. */
  isReading(path: string): boolean {
    const inode = statSync(path, { throwIfNoEntry: false })?.ino;
    return this.#files.some((file) => file.inode === inode);
  }

  async close(): Promise<void> {
    await closeLogFiles(this.#files.splice(0));
    await closeLogFiles(this.#held?.splice(0) ?? []);
  }

  async #openAfter(last: LogFile | undefined): Promise<LogFile[]> {
    if (this.#held === undefined) return await openLogFiles(this.#path, last);
    const held = this.#held.splice(0);
    const index = held.findIndex(({ inode }) => inode === last?.inode);
    await closeLogFiles(held.splice(0, index + 1));
    return held;
  }

  async #read(): Promise<WalkedChunk | undefined> {
    const file = this.#files[0];
    if (file === undefined) return undefined;
    // A fresh buffer each time, as records point into it.
    const { bytesRead, buffer } = await file.handle.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, this.#offset);
    if (bytesRead === 0) return undefined;
    this.#offset += bytesRead;
    const records = [...this.#splitter.push(buffer.subarray(0, bytesRead))];
    return { records, end: { inode: file.inode, offset: this.#offset - this.#splitter.openBytes } };
  }

  /** Goes on to the next file, if the present one has been turned over and is read to its end. */
  async #nextFile(): Promise<boolean> {
    const [current, next] = this.#files;
    if (current === undefined) return false;
    if (next === undefined) {
      const younger = await this.#openAfter(current);
      if (younger.length === 0) return false;
      if (this.#held === undefined && (await current.handle.stat()).nlink === 0) this.wasOutrun = true;
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
