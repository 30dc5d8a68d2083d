import { lstatSync, type Stats, statSync } from 'node:fs';

/** Of what a link leads to; undefined when nothing is there, or something on the way is no directory. */
export function statIfThere(path: string): Stats | undefined {
  return ifThere(() => statSync(path));
}

/** Of a link itself. */
export function lstatIfThere(path: string): Stats | undefined {
  return ifThere(() => lstatSync(path));
}

function ifThere(stat: () => Stats): Stats | undefined {
  try {
    return stat();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
