/** A canonical model → the stack that the cluster is asked for, with the images to build for it. */
import type { StackSpec } from '../../../proto/generated/gantry/v1/control.ts';
import type { ServiceSpec } from '../../../proto/generated/gantry/v1/types.ts';
import type { JsonObject } from '../model/json.ts';
import type { Build } from './build.ts';
import { buildCircle } from './build-order.ts';
import { convertConfig, convertSecret, usedContents } from './contents.ts';
import type { ProjectContext, Resource, Resources, StackContext } from './context.ts';
import { linkAliases, networkNames } from './links.ts';
import { ModelCursor, type ModelSource } from './model-cursor.ts';
import { convertNetwork } from './networks.ts';
import type { Renewal } from './pull-policy.ts';
import { TOP_REFUSALS } from './refusals.ts';
import { convertService } from './service.ts';
import { convertVolume } from './volumes.ts';

export interface LoadedService {
  /** Name in the file. */
  readonly name: string;
  readonly fullName: string;
  readonly build: Build | undefined;
  readonly image: string;
  /** `attach`: commands that show what services print show its output, too. */
  readonly attach: boolean;
  /** When `compose up` looks for another image although there is one. */
  readonly renewal: Renewal;
}

export interface ConvertedStack {
  readonly spec: StackSpec;
  readonly services: readonly LoadedService[];
}

/** What can't be honoured is added to the source's problems. */
export function convertStack(source: ModelSource, project: ProjectContext): ConvertedStack {
  const { extensions, name, ...sections } = project.model;
  const top = new ModelCursor(sections as unknown as JsonObject, source);
  return top.object(TOP_REFUSALS, (fields) => {
    const section = <Spec>(key: string, convert: (cursor: ModelCursor, name: string) => Resource<Spec>) =>
      new Map(fields.get(key, (cursor) => cursor.mapEntries(convert)) ?? []);
    const configs = usedContents(project.model, 'configs');
    const secrets = usedContents(project.model, 'secrets');
    const links = linkAliases(project.model);
    const context: StackContext = {
      ...project,
      links,
      names: networkNames(project.model, links),
      networks: section('networks', (cursor) => convertNetwork(cursor, project)),
      volumes: section('volumes', (cursor) => convertVolume(cursor, project)),
      configs: section('configs', (one, name) => {
        const lookup = project.lookupFor('configs', name);
        return convertConfig(one, { ...project, lookup, isUsed: configs.has(name) });
      }),
      secrets: section('secrets', (one, name) => {
        const lookup = project.lookupFor('secrets', name);
        return convertSecret(one, { ...project, lookup, isUsed: secrets.has(name) });
      }),
    };
    const services = fields.get('services', (cursor) => convertServices(cursor, context)) ?? [];
    const circle = buildCircle(services);
    if (circle !== undefined) {
      const place = top.placeAt('services', circle.split(' ')[0] ?? '', 'build');
      place.report(`services are built from each other in a circle: ${circle}`, 'remove one of these');
    }
    const spec = stackOf(
      services.map((service) => service.spec),
      context,
    );
    return { spec, services: services.map(({ spec: _, ...service }) => service) };
  });
}

const SERVICE_NAME = /^[a-zA-Z0-9]/;

function convertServices(section: ModelCursor, context: StackContext): (LoadedService & { spec: ServiceSpec })[] {
  return section
    .mapEntries((service, name) => {
      if (!SERVICE_NAME.test(name))
        throw service.problem(`invalid service name "${name}"`, 'start it with a letter or a digit');
      const { spec, build, attach, renewal } = convertService(service, { ...context, service: name });
      const fullName = spec.annotations?.name ?? name;
      return { name, fullName, build, image: spec.task?.container?.image ?? '', attach, renewal, spec };
    })
    .map(([, service]) => service);
}

function stackOf(services: ServiceSpec[], context: StackContext): StackSpec {
  const used = usedNames(services);
  return {
    name: context.model.name,
    services,
    networks: ownSpecs(context.networks, used.networks),
    configs: ownSpecs(context.configs, used.configs),
    secrets: ownSpecs(context.secrets, used.secrets),
  };
}

function usedNames(services: readonly ServiceSpec[]) {
  const tasks = services.flatMap(({ task }) => (task === undefined ? [] : [task]));
  return {
    networks: new Set(tasks.flatMap(({ networks }) => networks.map(({ target }) => target))),
    configs: new Set(tasks.flatMap(({ container }) => container?.configs.map(({ name }) => name) ?? [])),
    secrets: new Set(tasks.flatMap(({ container }) => container?.secrets.map(({ name }) => name) ?? [])),
  };
}

/** Resources that the stack makes: not external, and used by a service. */
function ownSpecs<Spec>(resources: Resources<Spec>, used: ReadonlySet<string>): Spec[] {
  return [...resources.values()].flatMap(({ fullName, spec }) =>
    spec === undefined || !used.has(fullName) ? [] : [spec],
  );
}
