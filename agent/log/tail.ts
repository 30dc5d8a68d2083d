/** Where the last lines of a log begin, found from its end without reading the rest. */
import { endsLine } from './cri-record.ts';
import type { LogFile } from './log-files.ts';

const BLOCK = 64 * 1024;
const NEWLINE = 0x0a;

export interface LogPosition {
  /** Index into the files, oldest first. */
  readonly file: number;
  readonly offset: number;
}

/**
 * The position of the last `count` lines in files that are given oldest first. A line that is in parts counts
 * once. One whose parts are mixed with another stream's may lose its beginning at the very edge.
 */
export async function findTail(files: readonly LogFile[], count: number): Promise<LogPosition> {
  const search = new TailSearch(count);
  for (let file = files.length - 1; file >= 0; file--) {
    const handle = files[file]?.handle;
    if (handle === undefined) continue;
    const size = (await handle.stat()).size;
    for (let end = size; end > 0; ) {
      const start = Math.max(0, end - BLOCK);
      const block = Buffer.allocUnsafe(end - start);
      const { bytesRead } = await handle.read(block, 0, block.length, start);
      const found = search.pushBefore(block.subarray(0, bytesRead), start, start === 0);
      if (found !== undefined) return { file, offset: found };
      end = start;
    }
  }
  return { file: 0, offset: 0 };
}

/** Fed blocks from the end towards the beginning. */
class TailSearch {
  #left: number;
  /** Bytes of the youngest record of which the beginning hasn't been seen yet. */
  #open: Buffer = Buffer.alloc(0);
  #sawRecord = false;

  constructor(count: number) {
    this.#left = count;
  }

  /** `block` begins at `offset`. The offset behind the last record that is too much, once it is known. */
  pushBefore(block: Buffer, offset: number, isBeginning: boolean): number | undefined {
    const bytes = this.#open.length === 0 ? block : Buffer.concat([block, this.#open]);
    let end = bytes.length;
    while (end > 0) {
      const recordEnd = bytes[end - 1] === NEWLINE ? end - 1 : end;
      const before = recordEnd === 0 ? -1 : bytes.lastIndexOf(NEWLINE, recordEnd - 1);
      if (before === -1 && !isBeginning) break;
      if (this.#takes(bytes, before + 1, recordEnd)) return offset + end;
      end = before + 1;
    }
    this.#open = Buffer.from(bytes.subarray(0, end));
    return undefined;
  }

  /** Is the record the end of a line more than are wanted? */
  #takes(bytes: Buffer, start: number, end: number): boolean {
    const full = endsLine(bytes, start, end);
    // Parts at the very end are a line that hasn't ended yet.
    if (!full && !this.#sawRecord) this.#left--;
    this.#sawRecord = true;
    if (!full) return this.#left < 0;
    this.#left--;
    return this.#left < 0;
  }
}
