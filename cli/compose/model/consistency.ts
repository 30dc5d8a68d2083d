/** What each value allows but all together don't (docker compose's checks of a project, all of them at once). */
import { type Json, type JsonObject, objectOf, objectsOf, textsOf } from './json.ts';
import type { Model } from './normalize.ts';
import { originOf } from './origins.ts';

export interface Contradiction {
  /** From the top of the file; where it is missing, the nearest that is there. */
  readonly path: readonly string[];
  readonly message: string;
  readonly hint: string;
  /** Keys of the file: where one of them couldn't be read, this can't be said. */
  readonly restsOn: readonly string[];
}

export function contradictions(model: Model): Contradiction[] {
  return [
    ...Object.entries(model.services).flatMap(([name, service]) => ofService(model, name, service)),
    ...circles(model),
    ...doubleNames(model),
  ];
}

function ofService(model: Model, name: string, service: JsonObject): Contradiction[] {
  const found: Contradiction[] = [];
  const add = (path: readonly string[], message: string, hint: string, restsOn: readonly string[] = []) => {
    found.push({ path: ['services', name, ...path], message, hint, restsOn });
  };
  if (service.build === undefined && service.image === undefined && service.provider === undefined) {
    const sources = ['', '.image', '.build', '.provider'].map((key) => `services.${name}${key}`);
    add([], 'has neither image nor build', 'add one', sources);
  }
  const build = objectOf(service.build);
  if (build.dockerfile !== undefined && build.dockerfile_inline !== undefined) {
    add(['build', 'dockerfile_inline'], 'does not go with dockerfile', 'remove one');
  }
  const platforms = textsOf(build.platforms);
  if (platforms.length > 0 && typeof service.platform === 'string' && !platforms.includes(service.platform)) {
    add(['build', 'platforms'], `is without the service's platform ${service.platform}`, 'add it');
  }
  if (service.network_mode !== undefined && Object.keys(objectOf(service.networks)).length > 0) {
    add(['network_mode'], 'does not go with networks', 'remove one');
  }
  const [kind] = textsOf(objectOf(service.healthcheck).test);
  if (kind !== undefined && !['CMD', 'CMD-SHELL', 'NONE'].includes(kind)) {
    add(
      ['healthcheck', 'test'],
      `invalid test: "${kind}" can't be first`,
      'start the list with CMD, CMD-SHELL or NONE',
    );
  }
  found.push(...references(model, name, service), ...twice(name, service), ...sharedName(name, service));
  return found;
}

function references(model: Model, name: string, service: JsonObject): Contradiction[] {
  const found: Contradiction[] = [];
  const need = (section: 'networks' | 'volumes' | 'configs' | 'secrets', used: string, path: readonly string[]) => {
    if (Object.hasOwn(model[section] ?? {}, used)) return;
    const kind = section.slice(0, -1);
    found.push({
      path: ['services', name, ...path],
      message: `${kind} "${used}" is not defined`,
      hint: `add "${used}:" under the top-level ${section}`,
      restsOn: [section],
    });
  };
  for (const network of Object.keys(objectOf(service.networks))) {
    if (network !== 'default') need('networks', network, ['networks', network]);
  }
  for (const [index, volume] of objectsOf(service.volumes).entries()) {
    if (volume.type === 'volume' && typeof volume.source === 'string') {
      need('volumes', volume.source, ['volumes', itemOf(service.volumes, index)]);
    }
  }
  for (const section of ['configs', 'secrets'] as const) {
    for (const [index, item] of objectsOf(service[section]).entries()) {
      need(section, String(item.source), [section, itemOf(service[section], index)]);
    }
  }
  for (const item of objectsOf(objectOf(service.build).secrets))
    need('secrets', String(item.source), ['build', 'secrets']);
  for (const [other, dependency] of Object.entries(objectOf(service.depends_on))) {
    if (Object.hasOwn(model.services, other) || objectOf(dependency).required === false) continue;
    found.push({
      path: ['services', name, ...placeOfDependency(service, other)],
      message: `service "${other}" is not defined`,
      hint: 'define it under services',
      restsOn: ['services'],
    });
  }
  return found;
}

/** Where the service says that it needs the other: in a key of its own, or without saying so in another. */
function placeOfDependency(service: JsonObject, other: string): readonly string[] {
  const names = (key: string) => textsOf(service[key]).some((text) => text.split(':')[0] === other);
  const key = ['links', 'volumes_from'].find(names);
  if (key !== undefined) return [key, other];
  const shared = ['network_mode', 'ipc', 'pid', 'uts', 'cgroup'].find((mode) => service[mode] === `service:${other}`);
  return shared === undefined ? ['depends_on', other] : [shared];
}

/** The item's number in the file. */
function itemOf(list: Json | undefined, index: number): string {
  return String(Array.isArray(list) ? originOf(list, index) : index);
}

/** What is said in an old place and a new one must be the same. */
function twice(name: string, service: JsonObject): Contradiction[] {
  if (service.deploy === undefined) return [];
  const deploy = objectOf(service.deploy);
  const resources = objectOf(deploy.resources);
  const limits = objectOf(resources.limits);
  const pairs: [key: string, other: string, value: Json | undefined][] = [
    ['scale', 'deploy.replicas', deploy.replicas],
    ['cpus', 'deploy.resources.limits.cpus', limits.cpus],
    ['mem_limit', 'deploy.resources.limits.memory', limits.memory],
    ['mem_reservation', 'deploy.resources.reservations.memory', objectOf(resources.reservations).memory],
    ['pids_limit', 'deploy.resources.limits.pids', limits.pids],
  ];
  return pairs.flatMap(([key, other, value]): Contradiction[] =>
    service[key] === undefined || value === undefined || service[key] === value
      ? []
      : [
          {
            path: ['services', name, key],
            message: `says something else than ${other}`,
            hint: 'remove one',
            restsOn: [],
          },
        ],
  );
}

function sharedName(name: string, service: JsonObject): Contradiction[] {
  const scale = service.scale ?? objectOf(service.deploy).replicas;
  if (service.container_name === undefined || typeof scale !== 'number' || scale <= 1) return [];
  const path = ['services', name, 'container_name'];
  return [{ path, message: `${scale} containers can't have one name`, hint: 'remove it, or run one', restsOn: [] }];
}

function circles(model: Model): Contradiction[] {
  const found: Contradiction[] = [];
  const done = new Set<string>();
  const visit = (service: string, path: readonly string[]): void => {
    if (done.has(service)) return;
    const here = [...path, service];
    for (const other of Object.keys(objectOf(model.services[service]?.depends_on))) {
      const start = here.indexOf(other);
      if (start < 0) visit(other, here);
      else {
        const circle = [...here.slice(start), other].join(' → ');
        const message = `services depend on each other in a circle: ${circle}`;
        found.push({
          path: ['services', service, 'depends_on', other],
          message,
          hint: 'remove one of these',
          restsOn: [],
        });
      }
    }
    done.add(service);
  };
  for (const service of Object.keys(model.services)) visit(service, []);
  return found;
}

function doubleNames(model: Model): Contradiction[] {
  const owners = new Map<Json, string>();
  return Object.entries(model.services).flatMap(([service, { container_name: name }]): Contradiction[] => {
    if (name === undefined) return [];
    const owner = owners.get(name);
    owners.set(name, owner ?? service);
    if (owner === undefined) return [];
    const message = `the container of ${owner} has the name "${String(name)}", too`;
    return [{ path: ['services', service, 'container_name'], message, hint: 'choose another one', restsOn: [] }];
  });
}
