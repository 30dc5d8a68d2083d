/** Small files that are either as before or wholly new, whatever interrupts the writing. */
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Written under a temporary name beside it, synced, renamed. One writer at a time. */
export async function writeFileAtomically(path: string, data: string): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(data);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
