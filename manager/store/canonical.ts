/** Objects as the state keeps them: equal ones give equal bytes, and none can be changed. */

/** The names of all fields that are maps. A map comes in the order of whoever made it. */
export const MAP_FIELDS: ReadonlySet<string> = new Set([
  'auxAddresses',
  'byDomain',
  'driverOpts',
  'engineLabels',
  'labels',
  'ociAnnotations',
  'serviceLabels',
  'sysctls',
]);

/**
 * Sorts all maps in a decoded message by their keys, then makes it and all in it unchangeable; bytes excepted, which
 * can't be frozen. Works on the message itself.
 */
export function canonical<T>(message: T): T {
  if (typeof message !== 'object' || message === null || ArrayBuffer.isView(message) || Object.isFrozen(message)) {
    return message;
  }
  const members: Record<string, unknown> = message as Record<string, unknown>;
  for (const [name, member] of Object.entries(members)) {
    if (typeof member !== 'object' || member === null) continue;
    if (MAP_FIELDS.has(name)) members[name] = sortedMap(member as Record<string, unknown>);
    canonical(members[name]);
  }
  return Object.freeze(message);
}

/** The same object when it is in order already. */
export function sortedMap<Value>(map: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> {
  const keys = Object.keys(map);
  if (keys.every((key, position) => position === 0 || (keys[position - 1] ?? '') < key)) return map;
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
