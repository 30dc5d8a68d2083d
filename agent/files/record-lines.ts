/**
 * Records in files of their own. Each line of a file is the record as it was at some time; the last whole one counts. A
 * change is one write at the file's end: to replace the file each time took ten times as long, as that makes a file,
 * deletes another, and on ext4 has the new one's blocks allocated at once. ext4 also searches for an inode among those
 * that were deleted in the last minutes, which are many where containers come and go.
 */
import { appendFileSync, closeSync, fdatasync, openSync, renameSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** A file with so many is replaced by one that has only the last. */
const MAX_LINES = 32;

export class RecordLines {
  /** By path, of the files that end with a whole line. */
  readonly #lines = new Map<string, number>();

  /** `record`: without a line end. Outlives this process, not the host. */
  write(path: string, record: string): void {
    const lines = this.#begin(path);
    const text = `${record}\n`;
    if (lines < MAX_LINES) appendFileSync(path, text);
    else {
      writeFileSync(temporary(path), text, { mode: 0o600 });
      renameSync(temporary(path), path);
    }
    this.#ended(path, lines);
  }

  /** On disk when it resolves. One at a time for a path. */
  async writeSynced(path: string, record: string): Promise<void> {
    const lines = this.#begin(path);
    const text = `${record}\n`;
    if (lines < MAX_LINES) await writeSynced(path, 'a', text);
    else {
      await writeSynced(temporary(path), 'w', text);
      renameSync(temporary(path), path);
    }
    this.#ended(path, lines);
  }

  /** The file is removed, or is about to be. */
  forget(path: string): void {
    this.#lines.delete(path);
  }

  /** Should the write fail halfway, the file isn't appended to again. */
  #begin(path: string): number {
    const lines = this.#lines.get(path) ?? MAX_LINES;
    this.#lines.delete(path);
    return lines;
  }

  #ended(path: string, lines: number): void {
    this.#lines.set(path, lines < MAX_LINES ? lines + 1 : 1);
  }
}

/** The record, without what was cut off while it was written; a file of one record may end without a line end. */
export function lastRecord(text: string): string {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1).trimEnd();
  return whole === '' ? text : whole.slice(whole.lastIndexOf('\n') + 1);
}

function temporary(path: string): string {
  return `${path}.tmp`;
}

/** The wait for the disk is the thread pool's; the rest takes less than to ask it. */
async function writeSynced(path: string, flags: 'a' | 'w', text: string): Promise<void> {
  const fd = openSync(path, flags, 0o600);
  try {
    writeFileSync(fd, text);
    await promisify(fdatasync)(fd);
  } finally {
    closeSync(fd);
  }
}
