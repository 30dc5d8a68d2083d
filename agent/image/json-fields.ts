/** Reads fields of JSON that others wrote, one by one, with an error that says which field is wrong. Pure. */
import { GantryError } from '../../proto/errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** No document of ours or of a registry's needs a tenth of it; what writes values out again does so by recursion. */
const MAX_DEPTH = 100;

/** Throws INVALID_ARGUMENT. */
export function parseJson(bytes: Buffer, where: string): unknown {
  const text = bytes.toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new GantryError('INVALID_ARGUMENT', `${where} is not JSON`, { cause: error });
  }
  if (depthOf(text) <= MAX_DEPTH) return value;
  throw new GantryError('INVALID_ARGUMENT', `${where} is nested too deeply`);
}

/** How many brackets are open at most. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (token === '[' || token === '{') deepest = Math.max(deepest, ++depth);
    else if (token === ']' || token === '}') depth--;
  }
  return deepest;
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
