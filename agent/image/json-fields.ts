/** Reads fields of JSON that others wrote, one by one, with an error that says which field is wrong. Pure. */
import { GantryError } from '../../proto/errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function parseJson(bytes: Buffer, where: string): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (error) {
    throw new GantryError('INVALID_ARGUMENT', `${where} is not JSON`, { cause: error });
  }
}

export function asObject(value: unknown, where: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw wrong(where, 'an object');
}

export function asArray(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw wrong(where, 'an array');
}

export function asString(value: unknown, where: string): string {
  if (typeof value === 'string') return value;
  throw wrong(where, 'a string');
}

/** A whole number, 0 or more. */
export function asCount(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw wrong(where, 'a whole number');
}

/** The reader's result, or undefined where the field is missing or null, as Go leaves out what is empty. */
export function optional<T>(value: unknown, where: string, read: (value: unknown, where: string) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value, where);
}

export function asStrings(value: unknown, where: string): readonly string[] {
  return asArray(value, where).map((item, index) => asString(item, `${where}[${index}]`));
}

export function asStringMap(value: unknown, where: string): Readonly<Record<string, string>> {
  const entries = Object.entries(asObject(value, where));
  return Object.fromEntries(entries.map(([key, item]) => [key, asString(item, `${where}.${key}`)]));
}

/** Go's way of writing a set: an object with empty objects. */
export function asKeySet(value: unknown, where: string): readonly string[] {
  return Object.keys(asObject(value, where));
}

function wrong(where: string, expected: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `${where} is not ${expected}`);
}
