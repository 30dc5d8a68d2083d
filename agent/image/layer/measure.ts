/** What the files below some directories take. */
import { lstatSync } from 'node:fs';
import { filePath, namesIn as namesOf } from '../../files/file-names.ts';

export interface MeasureJob {
  readonly kind: 'measure';
  readonly directories: readonly string[];
}

export interface Measured {
  /** Sum of the files' sizes by directory, in the job's order; a file with several names counts once. 0 of one that isn't there. */
  readonly sizes: readonly number[];
}

/** The directories may change meanwhile. Links aren't followed, nor is anything left out that is mounted below. */
export function measure({ directories }: MeasureJob): Measured {
  return { sizes: directories.map(sizeBelow) };
}

function sizeBelow(root: string): number {
  const counted = new Set<string>();
  const pending = [root];
  let bytes = 0;
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const name of namesIn(directory)) {
      const path = `${directory}/${name}`;
      const stats = lstatSync(filePath(path), { throwIfNoEntry: false });
      if (stats?.isDirectory()) pending.push(path);
      if (stats === undefined || !stats.isFile()) continue;
      const inode = `${stats.dev}:${stats.ino}`;
      if (stats.nlink > 1 && counted.has(inode)) continue;
      if (stats.nlink > 1) counted.add(inode);
      bytes += stats.size;
    }
  }
  return bytes;
}

function namesIn(directory: string): string[] {
  try {
    return namesOf(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR'].includes(String(error.code))) return [];
    throw error;
  }
}
