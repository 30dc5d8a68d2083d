/** Where LMDB keeps the log. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';

export const LOG_FILE = 'raft.lmdb';

/** With what LMDB puts beside it. Also while it is open: whoever has it goes on with what nobody will find again. */
export function removeLog(dir: string, file = LOG_FILE): void {
  for (const name of [file, `${file}-lock`]) rmSync(join(dir, name), { force: true });
}
