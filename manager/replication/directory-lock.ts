/** One process at a time on a directory, by flock(2): the kernel lets go when the process ends, however it does. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from '../../proto/errors.ts';

/** Exit code of flock(1) when somebody else has the lock. */
const LOCKED = 1;

/** Returns the function that lets go. IN_USE when another process has the directory. */
export function lockDirectory(dir: string): () => void {
  const fd = openSync(join(dir, 'lock'), 'a', 0o600);
  // flock(1) locks the open file description that it inherits, and with it ours: the lock stays when flock has ended.
  const { status, error, stderr } = spawnSync('flock', ['-x', '-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', fd] });
  if (status === 0) return () => closeSync(fd);
  closeSync(fd);
  if (status === LOCKED) {
    throw new GantryError('IN_USE', `cannot open the log in ${dir}: another process has it`, {
      hint: 'a manager of the same data root is running already',
    });
  }
  throw new GantryError('HOST', `cannot lock ${dir}: ${error?.message ?? stderr.toString().trim()}`, {
    hint: 'flock comes with util-linux, and the file system must support it',
    cause: error,
  });
}
