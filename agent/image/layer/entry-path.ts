/** Names of tar entries as paths relative to the root they are unpacked into. Pure. */
import { GantryError } from '../../../proto/errors.ts';
import { bytesOfName } from '../../files/file-names.ts';
import { shownName } from '../tar/header.ts';

const NAME_MAX = 255;
const PATH_MAX = 4096;

/**
 * The name without leading and doubled slashes and ".", "" for the root itself. Throws INVALID_ARGUMENT for a name
 * that leads outside ("..") or that no file system takes.
 */
export function entryPath(name: string): string {
  if (isClean(name)) return name;
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) throw outside(name);
  }
  const path = parts.join('/');
  if (path.includes('\0')) throw invalid(name, 'holds a NUL');
  if (bytesOfName(path).length >= PATH_MAX) throw invalid(name, 'is too long');
  if (parts.some((part) => bytesOfName(part).length > NAME_MAX))
    throw invalid(name, 'has a component longer than 255 bytes');
  return path;
}

/** Spares the common name the splitting. */
function isClean(name: string): boolean {
  return name.length < NAME_MAX && /^[\w+~@,=-][\w+~@,=.-]*(?:\/[\w+~@,=-][\w+~@,=.-]*)*$/.test(name);
}

/** "" for a name in the root. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '' : path.slice(0, slash);
}

export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function joinPath(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

function outside(name: string): GantryError {
  return invalid(name, 'leads outside the root');
}

function invalid(name: string, why: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `the name ${shownName(name)} ${why}`);
}
