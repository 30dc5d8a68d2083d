/** One option's value as a user has given it, and what several kinds of values have in common. Pure. */
import { posix } from 'node:path';
import { parseListenAddress } from '../../proto/address.ts';
import { GantryError, toGantryError } from '../../proto/errors.ts';

/** A value with where it was given, for messages: "--host", "GANTRY_HOST", "/etc/gantry/gantryd.json:3: host". */
export interface Given {
  readonly value: string;
  readonly origin: string;
}

export function absolutePath({ value, origin }: Given): string {
  if (!posix.isAbsolute(value)) throw invalid(origin, value, 'give an absolute path');
  return posix.normalize(value).replace(/(.)\/$/, '$1');
}

export function optionalPath(given: Given): string {
  return given.value === '' ? '' : absolutePath(given);
}

/** As it was given; or empty. */
export function listenAddress({ value, origin }: Given): string {
  if (value === '') return '';
  try {
    parseListenAddress(value);
    return value;
  } catch (cause) {
    throw invalid(origin, value, toGantryError(cause).hint, cause);
  }
}

export function invalid(origin: string, value: string, hint: string, cause?: unknown): GantryError {
  return new GantryError('INVALID_ARGUMENT', `${origin}: invalid value "${value}"`, { hint, cause });
}
