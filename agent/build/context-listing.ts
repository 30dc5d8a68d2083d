/** What a client's directory has, compared with what it had when it was sent before. Pure. */
import { GantryError } from '../../proto/errors.ts';
import type { ContextFile } from '../../proto/generated/gantry/v1/engine.ts';

export interface ContextUpdate {
  /** Indexes in the new listing. */
  readonly wanted: readonly number[];
  /** Names in the old one, what is in a directory before it. */
  readonly gone: readonly string[];
}

/**
 * A file is taken to be the same when its size, mode, times and inode are, and it was at rest when it was listed: as git does.
 * Where anything is wanted or gone, all directories are wanted: what is put into them would change their times.
 */
export function planContextUpdate(before: readonly ContextFile[], now: readonly ContextFile[]): ContextUpdate {
  const known = new Map(before.map((file) => [file.name, file]));
  const listed = new Map(now.map((file) => [file.name, file]));
  const parents = new Set(now.flatMap(({ name }) => parentsOf(name)));
  const gone = before
    .filter((file) => {
      const other = listed.get(file.name);
      // A directory that isn't listed itself is still that of its files.
      if (other === undefined) return !(isDirectory(file) && parents.has(file.name));
      return isDirectory(other) !== isDirectory(file);
    })
    .map(({ name }) => name)
    .reverse();
  const changed = new Set(now.filter((file) => !isSame(known.get(file.name), file)));
  if (changed.size + gone.length === 0) return { wanted: [], gone };
  const wanted = now.flatMap((file, index) => (isDirectory(file) || changed.has(file) ? [index] : []));
  return { wanted, gone };
}

/** "a" and "a/b" of "a/b/c". */
function parentsOf(name: string): string[] {
  const parts = name.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** Throws INVALID_ARGUMENT for names that lead out of the context, or come twice. */
export function checkListing(files: readonly ContextFile[]): void {
  const names = new Set<string>();
  for (const { name } of files) {
    const parts = name.split('/');
    const isPlain = parts.every((part) => part !== '' && part !== '.' && part !== '..') && !name.includes('\0');
    if (!isPlain || names.has(name)) {
      throw new GantryError('INVALID_ARGUMENT', `the build context cannot have a file ${JSON.stringify(name)}`);
    }
    names.add(name);
  }
}

const FILE_TYPE = 0o170_000;
const DIRECTORY = 0o040_000;

function isDirectory({ mode }: ContextFile): boolean {
  return (mode & FILE_TYPE) === DIRECTORY;
}

function isSame(a: ContextFile | undefined, b: ContextFile): boolean {
  if (a === undefined || a.unsettled) return false;
  const isSameContent = a.size === b.size && a.changedAtMs === b.changedAtMs && a.stamp === b.stamp;
  return a.mode === b.mode && a.link === b.link && isSameContent;
}
