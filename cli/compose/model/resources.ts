/** The top-level `networks`, `volumes`, `configs`, `secrets` and `models`. */
import type { Cursor } from '../syntax/cursor.ts';
import type { JsonObject } from './json.ts';
import {
  boolean,
  count,
  type Fields,
  kept,
  keyValues,
  list,
  type Mode,
  named,
  object,
  options,
  type Read,
  strings,
  text,
} from './read.ts';

/** The old form `external: {name: NAME}` is one that is external, and has a name. */
const external: Read = (cursor, mode) =>
  cursor.tree.kind === 'mapping' ? object({ name: text })(cursor, mode) !== undefined : boolean(cursor, mode);

function resource(fields: Fields): Read {
  const read = object({ name: text, external, labels: keyValues(''), ...fields });
  return (cursor, mode) => {
    if (cursor.isNull) return {};
    const value = read(cursor, mode) as JsonObject;
    const old = cursor.child('external');
    const name = old?.tree.kind === 'mapping' ? old.field('name', (child) => text(child, mode)) : undefined;
    if (name === undefined) return value;
    if (value.name !== undefined && value.name !== name)
      old?.report(`its name is "${String(value.name)}", too`, 'remove one');
    return { ...value, name };
  };
}

const pool = object({ subnet: text, gateway: text, ip_range: text, aux_addresses: keyValues('') });
const network = resource({
  driver: text,
  driver_opts: options,
  ipam: object({ driver: text, config: list(pool), options }),
  internal: boolean,
  attachable: boolean,
  enable_ipv4: kept(boolean),
  enable_ipv6: kept(boolean),
});

export const networks: Read = named((cursor, mode) => ({ ipam: {}, ...(network(cursor, mode) as JsonObject) }));

const volume = resource({ driver: text, driver_opts: options });

export const volumes: Read = named((cursor, mode) => {
  const read = volume(cursor, mode) as JsonObject;
  if (read.external === true) {
    for (const key of ['driver', 'driver_opts', 'labels']) {
      cursor.child(key)?.report('says how to make what is external', `remove it, or "external"`);
    }
  }
  return read;
});

const file = { file: text, environment: text, template_driver: text };

export const configs: Read = named(
  withOneSource(resource({ ...file, content: text }), ['file', 'environment', 'content']),
);
export const secrets: Read = named(
  withOneSource(resource({ ...file, driver: text, driver_opts: options }), ['file', 'environment']),
);

function withOneSource(read: Read, sources: readonly string[]): Read {
  return (cursor, mode) => {
    const value = read(cursor, mode) as JsonObject;
    checkSource(cursor, value, sources);
    return value;
  };
}

function checkSource(cursor: Cursor, value: JsonObject, sources: readonly string[]): void {
  if (cursor.isNull || cursor.tree.kind !== 'mapping') {
    cursor.report('says not where its content is', `add ${sources.join(', ')} or external`);
    return;
  }
  const given = sources.filter((key) => cursor.child(key) !== undefined);
  if (given.length > 1) cursor.child(given[1] ?? '')?.report(`does not go with ${given[0]}`, 'remove one');
  if (given.length === 0 && value.driver === undefined && value.external === undefined) {
    cursor.report('says not where its content is', `add ${sources.join(', ')} or external`);
  }
}

const model = object({ name: text, model: text, context_size: count, runtime_flags: strings }, ['model']);

export const models: Read = named((cursor: Cursor, mode: Mode) => model(cursor, mode));
