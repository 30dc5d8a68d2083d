/** Which log in etcd a manager takes part in, kept on its own disk: so that it never takes an empty etcd for a new cluster. */
import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '../../../proto/errors.ts';

const FILE = 'etcd-log.json';

/** Undefined: this manager has been in none. CORRUPT. */
export function readKnownLog(dir: string): string | undefined {
  const path = join(dir, FILE);
  try {
    const { id } = JSON.parse(readFileSync(path, 'utf8')) as { readonly id?: unknown };
    if (typeof id === 'string') return id;
    throw new Error('it names no log');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new GantryError('CORRUPT', `cannot read ${path}, which says in which log this manager takes part`, {
      hint: 'restore the file from a backup, or remove it when you are sure that --store names the right log',
      cause: error,
    });
  }
}

/** On disk when it resolves. */
export async function rememberLog(dir: string, id: string): Promise<void> {
  if (readKnownLog(dir) === id) return;
  const temporary = join(dir, `${FILE}.new`);
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify({ version: 1, id })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(dir, FILE));
}
