/** Parts of a model: services with what they depend on, and the resources that services use. */
import { GantryError } from '../../../proto/errors.ts';
import { reachable } from '../reachable.ts';
import { type Json, type JsonObject, objectOf, objectsOf } from './json.ts';
import { type Model, serviceOf } from './normalize.ts';

/** The services and all that they depend on; none named: all. Throws NOT_FOUND. */
export function withServices(model: Model, names: readonly string[]): Model {
  if (names.length === 0) return model;
  const selected = reachable(names, (name) => {
    const service = serviceOf(model, name);
    if (service === undefined) {
      throw new GantryError('NOT_FOUND', `no such service: ${name}`, { hint: 'see "gantry stack config --services"' });
    }
    const isNeeded = ([other, dependency]: readonly [string, Json]) =>
      serviceOf(model, other) !== undefined || objectOf(dependency).required !== false;
    return Object.entries(objectOf(service.depends_on))
      .filter(isNeeded)
      .map(([other]) => other);
  });
  const services = Object.fromEntries(Object.entries(model.services).filter(([name]) => selected.has(name)));
  return { ...model, services };
}

/** Without the networks, volumes, configs, secrets and models that no service uses. */
export function withUsedResources(model: Model): Model {
  const services = Object.values(model.services);
  const sources = (key: string) => services.flatMap((service) => objectsOf(service[key]).map(({ source }) => source));
  const mounted = services.flatMap(({ volumes }) =>
    objectsOf(volumes).flatMap(({ type, source }) => (type === 'volume' ? [source] : [])),
  );
  const built = services.flatMap(({ build }) => objectsOf(objectOf(build).secrets).map(({ source }) => source));
  const keysOf = (key: string) => services.flatMap((service) => Object.keys(objectOf(service[key])));
  const { networks, volumes, configs, secrets, models, ...rest } = model;
  return {
    ...rest,
    ...section('networks', networks, keysOf('networks')),
    ...section('volumes', volumes, mounted),
    ...section('configs', configs, sources('configs')),
    ...section('secrets', secrets, [...sources('secrets'), ...built]),
    ...section('models', models, keysOf('models')),
  };
}

function section(
  key: string,
  resources: Readonly<Record<string, JsonObject>> | undefined,
  used: readonly (Json | undefined)[],
): Readonly<Record<string, Record<string, JsonObject>>> {
  const kept = Object.entries(resources ?? {}).filter(([name]) => used.includes(name));
  return kept.length === 0 ? {} : { [key]: Object.fromEntries(kept) };
}
