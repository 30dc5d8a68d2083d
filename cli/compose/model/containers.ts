/** Parts of a service that say how its containers run. */
import { listOf } from '../forms/key-values.ts';
import { type JsonObject, unlessEmpty } from './json.ts';
import {
  anyInteger,
  boolean,
  commandLine,
  count,
  duration,
  integer,
  kept,
  keyValues,
  list,
  named,
  object,
  oneOf,
  oneOrMore,
  options,
  type Read,
  strings,
  text,
  textOrNumber,
} from './read.ts';

const limit = integer(-1, Number.MAX_SAFE_INTEGER);
const limits = object({ soft: limit, hard: limit }, ['soft', 'hard']);

export const ulimits: Read = named(
  (cursor, mode) => (cursor.tree.kind === 'scalar' ? limit(cursor, mode) : limits(cursor, mode)),
  /^[a-z]+$/,
);

/** "host=address", sorted. */
export const extraHosts: Read = (cursor) => {
  const items = cursor.withTree(listOf(cursor.tree)).items((item) => {
    const written = item.string();
    const match = /^([^=:\s]+)[=:](.*)$/.exec(written);
    if (match === null) throw item.problem(`invalid host "${written}"`, 'write HOST=ADDRESS');
    return (match[2] ?? '').split(',').map((address) => `${match[1]}=${address.replace(/^\[(.*)\]$/, '$1')}`);
  });
  return items.flat().sort(byText);
};

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const CONDITIONS = ['service_started', 'service_healthy', 'service_completed_successfully'] as const;
const dependency = object({ condition: oneOf(...CONDITIONS), restart: boolean, required: kept(boolean) });

export const dependsOn: Read = (cursor, mode) => {
  const started: JsonObject = { condition: 'service_started', required: true };
  if (cursor.tree.kind === 'sequence')
    return unlessEmpty(Object.fromEntries(cursor.items((item) => [text(item, mode), started])));
  return named((value, inner) => ({ ...started, ...(dependency(value, inner) as JsonObject) }))(cursor, mode);
};

export const healthcheck: Read = object({
  test: (cursor, mode) => (cursor.tree.kind === 'scalar' ? ['CMD-SHELL', text(cursor, mode)] : strings(cursor, mode)),
  timeout: kept(duration),
  interval: kept(duration),
  retries: kept(count),
  start_period: kept(duration),
  start_interval: kept(duration),
  disable: boolean,
});

export const logging: Read = object({ driver: text, options });

const envFile = object({ path: text, required: kept(boolean), format: text }, ['path']);

export const envFiles: Read = oneOrMore((cursor, mode) =>
  cursor.tree.kind === 'scalar'
    ? ({ path: text(cursor, mode), required: true } as JsonObject)
    : { required: true, ...(envFile(cursor, mode) as JsonObject) },
);

const hook = {
  command: commandLine,
  user: text,
  privileged: boolean,
  working_dir: text,
  environment: keyValues(null),
};

export const hooks: Read = list(object(hook, ['command']));

export const preStart: Read = list(object({ ...hook, image: text, per_replica: boolean }, ['command']));

const attachment = object({
  aliases: strings,
  driver_opts: options,
  gw_priority: anyInteger,
  interface_name: text,
  ipv4_address: text,
  ipv6_address: text,
  link_local_ips: strings,
  mac_address: text,
  priority: anyInteger,
});

/** By name; null: nothing more is said of it. */
export const networks: Read = (cursor, mode) => {
  if (cursor.tree.kind === 'sequence')
    return unlessEmpty(Object.fromEntries(cursor.items((item) => [text(item, mode), null])));
  return named((value, inner) => (value.isNull ? null : attachment(value, inner)))(cursor, mode);
};

export const models: Read = (cursor, mode) => {
  if (cursor.tree.kind === 'sequence')
    return unlessEmpty(Object.fromEntries(cursor.items((item) => [text(item, mode), null])));
  return named((value, inner) => (value.isNull ? null : object({ endpoint_var: text, model_var: text })(value, inner)))(
    cursor,
    mode,
  );
};

// Compose prints these keys as it names them inside.
const renamed = (read: Read, names: Readonly<Record<string, string>>): Read => {
  return (cursor, mode) => {
    const value = (read(cursor, mode) ?? {}) as JsonObject;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [names[key] ?? key, inner]));
  };
};

export function blockDevice(field: 'rate' | 'weight', read: Read): Read {
  return list(renamed(object({ path: text, [field]: read }), { path: 'Path', rate: 'Rate', weight: 'Weight' }));
}

export const provider: Read = object({ type: text, options: named(oneOrMore(textOrNumber)) }, ['type']);
