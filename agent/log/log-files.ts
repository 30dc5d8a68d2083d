/** A container's log files: the one that is written to, and those that were turned over (FILE.1 is younger than FILE.2). */
import { type FileHandle, open } from 'node:fs/promises';

/** An open log file: it stays readable, and the same, when it is renamed or deleted. */
export interface LogFile {
  readonly handle: FileHandle;
  readonly inode: number;
}

async function openLogFile(path: string): Promise<LogFile | undefined> {
  try {
    const handle = await open(path, 'r');
    return { handle, inode: (await handle.stat()).ino };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Opens the files that are younger than `after`, or all, oldest first. The caller closes them.
 *
 * They are opened youngest first, so that a turn-over meanwhile shows a file twice rather than never.
 */
export async function openLogFiles(path: string, after: LogFile | undefined): Promise<LogFile[]> {
  const files: LogFile[] = [];
  try {
    for (let number = 0; ; number++) {
      const file = await openLogFile(number === 0 ? path : `${path}.${number}`);
      // The youngest is missing for a moment during a turn-over.
      if (file === undefined && number === 0) continue;
      if (file === undefined) break;
      const seen = files.some(({ inode }) => inode === file.inode);
      if (seen || file.inode === after?.inode) await file.handle.close();
      if (file.inode === after?.inode) break;
      if (!seen) files.unshift(file);
    }
  } catch (error) {
    await closeLogFiles(files);
    throw error;
  }
  return files;
}

export async function closeLogFiles(files: readonly LogFile[]): Promise<void> {
  await Promise.all(files.map(({ handle }) => handle.close()));
}
