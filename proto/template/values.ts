/** The values a template works on, and how Go prints, compares and encodes them. */

/** What a method of the template's data takes and gives: `{{.Label "x"}}`. */
export type Method = (...args: readonly Value[]) => Value;

/** A struct: asking for a field it doesn't have is an error. */
export interface Fields {
  readonly [name: string]: Value;
}

/** A Map is Go's map: a key it doesn't have gives no value. */
export type Value =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Value[]
  | ReadonlyMap<string, Value>
  | Fields
  | Method;

/** Go's nil slice and nil map: as text they are empty, in JSON null. */
export const NIL_LIST: readonly Value[] = Object.freeze([]);
export const NIL_MAP: ReadonlyMap<string, Value> = new Map();

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value): value is ReadonlyMap<string, Value> {
  return value instanceof Map;
}

export function isFields(value: Value): value is Fields {
  return typeof value === 'object' && value !== null && !isList(value) && !isMap(value);
}

/** Go's truth: not false, 0, "", nil, or an empty list or map. */
export function isTrue(value: Value): boolean {
  if (isList(value)) return value.length > 0;
  if (isMap(value)) return value.size > 0;
  return Boolean(value);
}

/** As Go's fmt prints with %v; no value at all as text/template prints it. */
export function printValue(value: Value): string {
  if (value === undefined || value === null) return '<no value>';
  return printNested(value);
}

function printNested(value: Value): string {
  if (value === undefined || value === null) return '<nil>';
  if (isList(value)) return `[${value.map(printNested).join(' ')}]`;
  if (isMap(value))
    return `map[${sortedEntries(value)
      .map(([key, item]) => `${key}:${printNested(item)}`)
      .join(' ')}]`;
  if (isFields(value))
    return `{${fieldEntries(value)
      .map(([, item]) => printNested(item))
      .join(' ')}}`;
  return String(value);
}

export function sortedEntries(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Fields that hold data, not methods. */
function fieldEntries(fields: Fields): [string, Value][] {
  return Object.entries(fields).filter(([, value]) => typeof value !== 'function');
}

/** As JSON.stringify takes it: maps become objects with sorted keys, as in Go; methods are left out. */
export function toJsonValue(value: Value): unknown {
  if (value === NIL_LIST || value === NIL_MAP) return null;
  if (isList(value)) return value.map(toJsonValue);
  if (isMap(value)) return Object.fromEntries(sortedEntries(value).map(([key, item]) => [key, toJsonValue(item)]));
  if (isFields(value)) return Object.fromEntries(fieldEntries(value).map(([key, item]) => [key, toJsonValue(item)]));
  return typeof value === 'function' || value === undefined ? null : value;
}

/** The kind of a value as Go would name its type, for errors. */
export function typeName(value: Value): string {
  if (value === undefined || value === null) return 'nil';
  if (isList(value)) return '[]interface {}';
  if (isMap(value)) return 'map[string]interface {}';
  if (isFields(value)) return 'struct';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64';
  return typeof value === 'boolean' ? 'bool' : typeof value === 'string' ? 'string' : 'func';
}
