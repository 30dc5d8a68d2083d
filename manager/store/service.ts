/** What a user wants to run. */
import {
  type Annotations,
  type ContainerSpec,
  ContainerSpec as ContainerSpecMessage,
  type Dependency,
  EndpointMode,
  IngressScope,
  type Meta,
  type Service,
  type ServiceSpec,
  type TaskSpec,
} from '../../proto/generated/gantry/v1/types.ts';
import { sharedServices } from '../../proto/shared-namespaces.ts';
import { localVolumesOf } from './local-volumes.ts';
import { completeAnnotations, completeMeta, type ObjectType, stackKeys } from './object-type.ts';

export type CompleteTaskSpec = TaskSpec & { container: ContainerSpec };

export type CompleteServiceSpec = ServiceSpec & { annotations: Annotations; task: CompleteTaskSpec };

export interface ServiceObject extends Readonly<Omit<Service, 'meta' | 'spec' | 'previousSpec'>> {
  readonly meta: Meta;
  readonly spec: CompleteServiceSpec;
  readonly previousSpec: CompleteServiceSpec | undefined;
}

/** What a service that was never updated has. */
export const NEVER_UPDATED = {
  previousSpec: undefined,
  previousSpecVersion: 0,
  updateStatus: undefined,
  lastSpecVersion: 0,
} as const;

/** What a service has that is to run. */
export const NOT_STOPPED = { stopped: false, startsAgain: false, stopTimeoutMs: undefined } as const;

/** How a service that is to start stands to what it depends on. */
export type Awaiting = Pick<Service, 'dependenciesMet' | 'notAwaited'>;

/** `leftOut`: names of services that it isn't to wait for. */
export function awaiting(
  { dependencies }: Pick<ServiceSpec, 'dependencies'>,
  leftOut: ReadonlySet<string> = new Set(),
): Awaiting {
  const notAwaited = dependencies.map(({ service }) => service).filter((name) => leftOut.has(name));
  return { dependenciesMet: notAwaited.length === dependencies.length, notAwaited };
}

/** What it is to wait for. */
export function awaitedDependencies({ spec, notAwaited }: Pick<ServiceObject, 'spec' | 'notAwaited'>): Dependency[] {
  return spec.dependencies.filter(({ service }) => !notAwaited.includes(service));
}

export const serviceType: ObjectType<
  Service,
  ServiceObject,
  'stack' | 'uses' | 'awaits' | 'dependsOn' | 'restartsWith' | 'sharesNetwork' | 'leaving' | 'volume'
> = {
  complete: (raw) => ({
    ...raw,
    meta: completeMeta(raw.meta),
    spec: completeServiceSpec(raw.spec),
    previousSpec: raw.previousSpec === undefined ? undefined : completeServiceSpec(raw.previousSpec),
  }),
  // A service that is being removed leaves its name to the next one.
  nameOf: (service) => (service.pendingDelete ? undefined : service.spec.annotations.name),
  indexes: {
    stack: (service) => stackKeys(service.spec.annotations.labels),
    // Also what a rollback would need.
    uses: ({ spec, previousSpec }) => [
      ...new Set([...usedIds(spec.task), ...(previousSpec === undefined ? [] : usedIds(previousSpec.task))]),
    ],
    awaits: awaitedServices,
    dependsOn: ({ spec }) => spec.dependencies.map(({ service }) => service),
    restartsWith: ({ spec }) => spec.dependencies.flatMap(({ service, restart }) => (restart ? [service] : [])),
    sharesNetwork: ({ spec }) => sharedServices(spec.task.container),
    // By the names that those had which are being removed.
    leaving: (service) => (service.pendingDelete ? [service.spec.annotations.name] : []),
    volume: mountedVolumes,
  },
};

export function serviceName(service: ServiceObject): string {
  return service.spec.annotations.name;
}

/** Those that its tasks go to: tasks of a global service are on every node. */
function mountedVolumes({ spec, pendingDelete }: ServiceObject): readonly string[] {
  const isGlobal = spec.mode?.$case === 'global' || spec.mode?.$case === 'globalJob';
  return isGlobal || pendingDelete ? [] : localVolumesOf(spec.task);
}

/** Names of the services that this one waits for before it starts. */
function awaitedServices(service: ServiceObject): readonly string[] {
  if (service.dependenciesMet || service.pendingDelete) return [];
  return awaitedDependencies(service).map((dependency) => dependency.service);
}

export function completeTaskSpec(spec: TaskSpec | undefined): CompleteTaskSpec {
  const container = spec?.container ?? ContainerSpecMessage.create();
  const rest = spec ?? { resources: undefined, restart: undefined, networks: [], forceUpdate: 0 };
  return { ...rest, container };
}

export function completeServiceSpec(spec: ServiceSpec | undefined): CompleteServiceSpec {
  return {
    mode: spec?.mode,
    ports: spec?.ports ?? [],
    dependencies: spec?.dependencies ?? [],
    placement: spec?.placement,
    update: spec?.update,
    rollback: spec?.rollback,
    endpointMode: spec?.endpointMode ?? EndpointMode.VIP,
    ingressScope: spec?.ingressScope ?? IngressScope.CLUSTER,
    annotations: completeAnnotations(spec?.annotations),
    task: completeTaskSpec(spec?.task),
  };
}

/** Whether others than the members of its networks can reach it; `isInternal`: by network id. */
export function hasWayOut({ networks }: CompleteTaskSpec, isInternal: (networkId: string) => boolean): boolean {
  return networks.length === 0 || networks.some(({ target }) => !isInternal(target));
}

/** Of specs that can't change any more: many tasks have the same. */
const usedBySpec = new WeakMap<CompleteTaskSpec, readonly string[]>();

/** Ids of the networks, secrets and configs that a task of this spec needs. */
export function usedIds(spec: CompleteTaskSpec): readonly string[] {
  const known = usedBySpec.get(spec);
  if (known !== undefined) return known;
  const used = [
    ...spec.networks.map((network) => network.target),
    ...spec.container.secrets.map((secret) => secret.id),
    ...spec.container.configs.map((config) => config.id),
  ];
  if (Object.isFrozen(spec)) usedBySpec.set(spec, used);
  return used;
}
