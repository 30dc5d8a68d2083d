/** A model as text, as `docker compose config` prints it. */
import { createHash } from 'node:crypto';
import { type Json, type JsonObject, mapValues, objectOf } from './json.ts';
import { type Model, serviceOf } from './normalize.ts';
import { yamlText } from './yaml-text.ts';

export type ModelFormat = 'json' | 'yaml';

/** `escapes`: a dollar is doubled, so that the text means the same when it is read again. */
export function renderModel(model: Model, format: ModelFormat, escapes: boolean): string {
  const { extensions, ...sections } = model;
  const written = sections as unknown as JsonObject;
  const isJson = format === 'json';
  const whole = sorted({ ...(isJson && escapes ? (withoutOwnKeys(written) as JsonObject) : written), ...extensions });
  const text = isJson ? `${JSON.stringify(whole, null, 2)}\n` : toYaml(whole as JsonObject);
  return escapes ? text.replaceAll('$', '$$$$') : text;
}

/** Whose keys are the user's own in any case, also those that start with "x-". */
const FREE_KEYS: ReadonlySet<string> = new Set([
  'additional_contexts',
  'annotations',
  'args',
  'aux_addresses',
  'driver_opts',
  'environment',
  'labels',
  'options',
  'storage_opt',
  'sysctls',
]);

/** Compose's JSON has the user's own keys at the top only; its YAML has all of them. */
function withoutOwnKeys(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutOwnKeys);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !key.startsWith('x-'));
  return Object.fromEntries(
    kept.map(([key, inner]) => [key, FREE_KEYS.has(key) ? inner : withoutOwnKeys(inner as Json)]),
  );
}

function toYaml(model: JsonObject): string {
  const { services, networks } = model;
  const concise = {
    ...model,
    services: mapValues(objectOf(services), (service) => conciseService(objectOf(service))),
    ...(networks === undefined
      ? {}
      : { networks: mapValues(objectOf(networks), (one) => without(objectOf(one), ['ipam'])) }),
  };
  return yamlText(concise);
}

/** JSON says of some keys that nothing is said. */
function conciseService(service: JsonObject): JsonObject {
  const kept = Object.fromEntries(
    Object.entries(service).filter(([key, value]) => value !== null || !['command', 'entrypoint'].includes(key)),
  );
  const { deploy } = kept;
  return deploy === undefined ? kept : { ...kept, deploy: without(objectOf(deploy), ['resources', 'placement']) };
}

function without(value: JsonObject, emptyKeys: readonly string[]): JsonObject {
  const isKept = ([key, inner]: [string, Json]) => !emptyKeys.includes(key) || Object.keys(objectOf(inner)).length > 0;
  return Object.fromEntries(Object.entries(value).filter(isKept));
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

/** Of what would make its containers others: the same text for the same service. */
export function serviceHash(service: JsonObject): string {
  const {
    build: _build,
    pull_policy: _policy,
    depends_on: _dependencies,
    profiles: _profiles,
    scale: _scale,
    ...rest
  } = service;
  const { replicas: _replicas, ...deploy } = objectOf(rest.deploy);
  const counted = rest.deploy === undefined ? rest : { ...rest, deploy };
  return createHash('sha256')
    .update(JSON.stringify(sorted(counted)))
    .digest('hex');
}

/** Of each service: its own, or the one that is built. */
export function imageNames(model: Model): string[] {
  return Object.entries(model.services).map(([name, { image }]) =>
    typeof image === 'string' ? image : `${model.name}-${name}`,
  );
}

/** Each after those that it depends on; in a circle that begins somewhere. */
export function servicesInOrder(model: Model): string[] {
  const visited = new Set<string>();
  const ordered: string[] = [];
  const visit = (name: string): void => {
    const service = serviceOf(model, name);
    if (service === undefined || visited.has(name)) return;
    visited.add(name);
    for (const other of Object.keys(objectOf(service.depends_on))) visit(other);
    ordered.push(name);
  };
  Object.keys(model.services)
    .sort((a, b) => (a < b ? -1 : 1))
    .forEach(visit);
  return ordered;
}
