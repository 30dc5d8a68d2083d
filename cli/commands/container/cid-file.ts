/** --cidfile: tells a script which container it made. */
import { existsSync, writeFileSync } from 'node:fs';
import { CliError, EXIT } from '../../failure.ts';

/** Refuses a file that is there already, as Docker does, before anything is made; the result writes the id. */
export function reserveCidFile(file: string | undefined): (id: string) => void {
  if (file === undefined) return () => undefined;
  if (existsSync(file)) {
    throw new CliError(`container ID file ${file} is there already`, {
      hint: 'delete it, or give --cidfile another name',
      exitCode: EXIT.refused,
    });
  }
  return (id) => writeFileSync(file, id, { flag: 'wx' });
}
