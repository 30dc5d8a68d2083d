/** What a model means without saying it: default networks, names, dependencies (as docker compose's "normalization"). */
import type { Source } from '../source/load-source.ts';
import type { Lookup } from '../syntax/interpolation.ts';
import { isEmptyObject, type Json, type JsonObject, mapValues, objectOf, objectsOf, textsOf } from './json.ts';

export interface Model {
  readonly name: string;
  readonly services: Readonly<Record<string, JsonObject>>;
  readonly networks?: Readonly<Record<string, JsonObject>>;
  readonly volumes?: Readonly<Record<string, JsonObject>>;
  readonly configs?: Readonly<Record<string, JsonObject>>;
  readonly secrets?: Readonly<Record<string, JsonObject>>;
  readonly models?: Readonly<Record<string, JsonObject>>;
  /** The user's own keys. */
  readonly extensions: JsonObject;
}

/** Undefined for a name that no service has. */
export function serviceOf({ services }: Model, name: string): JsonObject | undefined {
  return Object.hasOwn(services, name) ? services[name] : undefined;
}

export function normalize(model: Model, { lookup, lookupFor }: Pick<Source, 'lookup' | 'lookupFor'>): Model {
  const services = mapValues(model.services, (service) => normalizeService(service, lookup));
  const usesDefault = Object.values(services).some((service) => objectOf(service.networks).default !== undefined);
  const implied: Record<string, JsonObject> =
    usesDefault && model.networks?.default === undefined ? { default: { ipam: {} } } : {};
  const networks = { ...model.networks, ...implied };
  return {
    ...model,
    services,
    ...(Object.keys(networks).length === 0 ? {} : { networks: withNames(networks, model.name) }),
    ...(model.volumes === undefined ? {} : { volumes: withNames(model.volumes, model.name) }),
    ...(model.configs === undefined ? {} : { configs: withNames(withContents(model.configs, lookupFor), model.name) }),
    ...(model.secrets === undefined ? {} : { secrets: withNames(model.secrets, model.name) }),
  };
}

function normalizeService(service: JsonObject, lookup: Lookup): JsonObject {
  const { build, deploy, environment, scale, pre_start } = service;
  const dependencies = { ...impliedDependencies(service), ...objectOf(service.depends_on) };
  const needsNetwork =
    service.network_mode === undefined && service.provider === undefined && isEmptyObject(objectOf(service.networks));
  return {
    ...service,
    ...(build === undefined ? {} : { build: normalizeBuild(objectOf(build), lookup) }),
    ...(deploy === undefined || scale === undefined ? {} : { deploy: { replicas: scale, ...objectOf(deploy) } }),
    ...(environment === undefined ? {} : { environment: resolved(objectOf(environment), lookup) }),
    ...(pre_start === undefined
      ? {}
      : { pre_start: objectsOf(pre_start).map((hook) => withImage(hook, service.image)) }),
    ...(isEmptyObject(dependencies) ? {} : { depends_on: dependencies }),
    ...(needsNetwork ? { networks: { default: null } } : {}),
  };
}

/** A hook that says none is of its service's. */
function withImage(hook: JsonObject, image: Json | undefined): JsonObject {
  return hook.image !== undefined || image === undefined ? hook : { ...hook, image };
}

function normalizeBuild(build: JsonObject, lookup: Lookup): JsonObject {
  const hasFile = build.dockerfile !== undefined || build.dockerfile_inline !== undefined;
  const args = Object.entries(resolved(objectOf(build.args), lookup)).filter(([, value]) => value !== null);
  const { args: _, ...rest } = build;
  return {
    context: '.',
    ...(hasFile ? {} : { dockerfile: 'Dockerfile' }),
    ...rest,
    ...(args.length === 0 ? {} : { args: Object.fromEntries(args) }),
  };
}

/** What has no value has that of the environment; null: that has none. */
export function resolved(values: JsonObject, lookup: Lookup): JsonObject {
  return mapValues(values, (value, key) => value ?? lookup(key) ?? null);
}

function impliedDependencies(service: JsonObject): JsonObject {
  const found: Record<string, Json> = {};
  const add = (name: string, restart: boolean) => {
    found[name] ??= { condition: 'service_started', ...(restart ? { restart } : {}), required: true };
  };
  for (const link of textsOf(service.links)) add(link.split(':')[0] ?? link, true);
  for (const key of ['network_mode', 'ipc', 'pid', 'uts', 'cgroup']) {
    const value = service[key];
    if (typeof value === 'string' && value.startsWith('service:')) add(value.slice('service:'.length), true);
  }
  for (const source of textsOf(service.volumes_from)) {
    if (!source.startsWith('container:')) add(source.split(':')[0] ?? source, false);
  }
  return found;
}

/** What a config has from a variable is said, too; what a secret has isn't. */
function withContents(
  configs: Readonly<Record<string, JsonObject>>,
  lookupFor: Source['lookupFor'],
): Record<string, JsonObject> {
  return mapValues(configs, (config, name) => {
    const lookup = lookupFor('configs', name);
    const content = typeof config.environment === 'string' ? lookup(config.environment) : undefined;
    return content === undefined ? config : { ...config, content };
  });
}

/** What is outside the project has its own name, all else the project's before it. */
function withNames(resources: Readonly<Record<string, JsonObject>>, project: string): Record<string, JsonObject> {
  return mapValues(resources, (resource, key) => ({
    name: resource.external === true ? key : `${project}_${key}`,
    ...resource,
  }));
}
