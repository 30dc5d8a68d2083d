/** What deploying a stack changes. Pure: the plan is data, run by a transaction, shown by a dry run. */
import { GantryError } from '../../proto/errors.ts';
import {
  ChangeKind,
  type RegistryFacts,
  type ResolveImage,
  type StackSpec,
} from '../../proto/generated/gantry/v1/control.ts';
import {
  type Annotations,
  ConfigSpec,
  NetworkSpec,
  type PortConfig,
  SecretSpec,
  ServiceSpec as ServiceSpecMessage,
} from '../../proto/generated/gantry/v1/types.ts';
import { subnetOf } from '../allocator/lan-addresses.ts';
import { allocatePorts, keptPorts } from '../allocator/ports.ts';
import { allocateSubnet6 } from '../allocator/subnets6.ts';
import { type PlatformsOf, withImagePlatforms } from '../images/image-platforms.ts';
import { keptCredentials, sameCredentials } from '../images/pull-credentials.ts';
import { samePorts, withSpec } from '../orchestrator/update/spec-change.ts';
import { isPaused } from '../orchestrator/update/update-config.ts';
import type { NetworkObject } from '../store/network.ts';
import { type NodeObject, nodeName } from '../store/node.ts';
import { completeAnnotations, NO_META, STACK_LABEL } from '../store/object-type.ts';
import type { ObjectTypes } from '../store/objects.ts';
import { sameMessage } from '../store/same-message.ts';
import {
  awaiting,
  type CompleteServiceSpec,
  completeServiceSpec,
  NEVER_UPDATED,
  NOT_STOPPED,
  type ServiceObject,
  usedIds,
} from '../store/service.ts';
import type { NewObject } from '../store/transaction.ts';
import { type FoundSources, sameSources, sourcesOf } from '../volumes/mount-sources.ts';
import { refuseSharedNames } from './container-names.ts';
import { withDependentRestarts } from './dependent-restarts.ts';
import { type AddressPlan, checkFixedAddresses } from './fixed-addresses.ts';
import type { PlannedKind, PlanStep } from './plan-step.ts';
import { bindReferences } from './stack-references.ts';
import { checkWayOut } from './way-out.ts';

/**
 * What exists, of all stacks: names and ports are taken across them. Of services without those on their way out; networks
 * hold their subnets until they have gone, and secrets and configs can be gone back to until then.
 */
export interface Existing {
  readonly networks: readonly NetworkObject[];
  readonly secrets: readonly ObjectTypes['secret'][];
  readonly configs: readonly ObjectTypes['config'][];
  readonly services: readonly ServiceObject[];
  readonly nodes: readonly NodeObject[];
}

/** What a plan takes from the world. */
export interface PlanContext {
  readonly newId: () => string;
  readonly nowMs: number;
  /** Of images. */
  readonly platformsOf: PlatformsOf;
  readonly resolveImage: ResolveImage;
  readonly registry: RegistryFacts | undefined;
  /** Services that stay, by name, whatever is pruned. */
  readonly spared?: ReadonlySet<string>;
  /** Where nodes have what services mount. */
  readonly found: FoundSources;
  /** Services that are made are stopped, and those that are stopped stay so. */
  readonly leaveStopped?: boolean;
  /** Names of services that those which are made don't wait for. */
  readonly leftOut?: ReadonlySet<string>;
}

/**
 * Plans a validated stack. `prune`: what the stack has and the spec doesn't is removed. Throws for names that
 * others hold, undefined references, and what can't be changed in place.
 */
export function planStack(existing: Existing, stack: StackSpec, prune: boolean, context: PlanContext): PlanStep[] {
  const { newId, leftOut = new Set<string>() } = context;
  const networks = planNetworks(existing, stack, newId);
  const secrets = stack.secrets.map((spec) => planFile('secret', existing.secrets, stack.name, spec, newId));
  const configs = stack.configs.map((spec) => planFile('config', existing.configs, stack.name, spec, newId));
  const names = {
    networks: idsByName(existing.networks.filter(isLive), networks),
    secrets: idsByName(existing.secrets.filter(isLive), secrets),
    configs: idsByName(existing.configs.filter(isLive), configs),
    services: new Set([...[...existing.services, ...stack.services.map((spec) => ({ spec }))].map(nameOf), ...leftOut]),
  };
  const networkSpecs = new Map(
    [...existing.networks, ...networks.map(({ object }) => object)].flatMap((object) =>
      'blocks' in object ? [[object.id, object.spec] as const] : [],
    ),
  );
  const specs = stack.services.map((spec) => bindReferences(completeServiceSpec(spec), names));
  for (const spec of specs) checkWayOut(spec, (id) => networkSpecs.get(id));
  const services = planServices(existing.services, stack.name, specs, prune, context);
  const removed = prune ? unmentioned(existing, stack, context.spared) : [];
  const addresses = addressPlan(existing, [...networks, ...services, ...removed]);
  for (const spec of specs) checkFixedAddresses(spec, addresses);
  return [...networks, ...secrets, ...configs, ...services, ...removed];
}

/** What will be when the steps are done. */
function addressPlan({ networks, services, nodes }: Existing, steps: readonly PlanStep[]): AddressPlan {
  const planned = steps.flatMap((step) => (step.kind === 'network' ? [step.object] : []));
  const byId = new Map([...networks, ...planned].map((network) => [network.id, network]));
  const changed = steps.flatMap((step) => (step.kind === 'service' ? [step.object] : []));
  const names = new Map(nodes.map((node) => [node.id, nodeName(node)]));
  return {
    networkOf: (id) => byId.get(id),
    services: [...services.filter(({ id }) => !changed.some((one) => one.id === id)), ...changed],
    nodeName: (id) => names.get(id) ?? id,
  };
}

export function stackLabelOf(object: { readonly spec: { readonly annotations?: Annotations | undefined } }): string {
  return object.spec.annotations?.labels[STACK_LABEL] ?? '';
}

/** It isn't on its way out: it holds its name. */
export function isLive(object: { readonly pendingDelete: boolean }): boolean {
  return !object.pendingDelete;
}

function nameOf(object: { readonly spec: { readonly annotations?: Annotations | undefined } }): string {
  return completeAnnotations(object.spec.annotations).name;
}

function idsByName(
  existing: readonly (NewObject<'network'> | NewObject<'secret'> | NewObject<'config'>)[],
  steps: readonly PlanStep[],
): Map<string, string> {
  const planned = steps.filter((step) => step.change !== ChangeKind.REMOVE).map((step) => step.object);
  return new Map([...existing, ...planned].map((object) => [nameOf(object), object.id]));
}

/** The stack's own object of this name. Throws ALREADY_EXISTS when it is somebody else's. */
function ownNamed<T extends { readonly spec: { readonly annotations: Annotations } }>(
  kind: string,
  objects: readonly T[],
  stack: string,
  name: string,
): T | undefined {
  const found = objects.find((object) => nameOf(object) === name);
  if (found === undefined || stackLabelOf(found) === stack) return found;
  const owner = stackLabelOf(found);
  throw new GantryError(
    'ALREADY_EXISTS',
    `${kind} ${name} already exists and belongs to ${owner === '' ? 'no stack' : `stack ${owner}`}`,
    { hint: 'use another name, or declare it external' },
  );
}

function planNetworks(existing: Existing, stack: StackSpec, newId: () => string): PlanStep[] {
  const live = existing.networks.filter(isLive);
  const all = [...existing.networks];
  return stack.networks.map((raw): PlanStep => {
    const spec = { ...raw, annotations: completeAnnotations(raw.annotations) };
    const { name } = spec.annotations;
    const own = ownNamed('network', live, stack.name, name);
    if (own !== undefined) return planExistingNetwork(own, spec);
    const subnet = subnetOf(spec, { networks: all, nodes: existing.nodes });
    const id = newId();
    const hostAddresses = existing.nodes.map(({ status }) => status.address);
    const subnet6 = allocateSubnet6(name, spec, subnet, { networks: all, hostAddresses, seed: id });
    const object = { id, spec, ...subnet, ...subnet6, blocks: [], pendingDelete: false, vni: 0 };
    all.push({ ...object, meta: NO_META });
    return { change: ChangeKind.CREATE, kind: 'network', object };
  });
}

function planExistingNetwork(own: NetworkObject, spec: NetworkObject['spec']): PlanStep {
  if (sameMessage(NetworkSpec, own.spec, spec)) return { change: ChangeKind.UNCHANGED, kind: 'network', object: own };
  const bare = (from: NetworkSpec) => ({ ...from, annotations: undefined, attachable: false });
  if (!sameMessage(NetworkSpec, bare(own.spec), bare(spec))) {
    throw new GantryError('WRONG_STATE', `network ${spec.annotations.name} exists and can't be changed in place`, {
      hint: 'remove the stack first, or give the network another name',
    });
  }
  return { change: ChangeKind.UPDATE, kind: 'network', object: { ...own, spec } };
}

/** A secret or config: its content never changes; other content is another object, and the old one goes with its users. */
function planFile<K extends 'secret' | 'config'>(
  kind: K,
  existing: readonly ObjectTypes[K][],
  stack: string,
  raw: SecretSpec | ConfigSpec,
  newId: () => string,
): PlanStep {
  const spec = { ...raw, annotations: completeAnnotations(raw.annotations) };
  const { name } = spec.annotations;
  const own = ownNamed(kind, existing.filter(isLive), stack, name);
  const created = { id: newId(), spec, pendingDelete: false };
  if (own === undefined) return { change: ChangeKind.CREATE, kind, object: created } as PlanStep;
  if (!sameContent(own.spec, spec)) {
    const older = existing.find(
      (object) => nameOf(object) === name && stackLabelOf(object) === stack && sameContent(object.spec, spec),
    );
    // What runs with it goes on as it is, after a rollback, or when a change is taken back while it is rolled out.
    const object = older === undefined ? created : { ...older, spec, pendingDelete: false };
    return { change: ChangeKind.UPDATE, kind, object, replaces: { ...own, pendingDelete: true } } as PlanStep;
  }
  const same = sameMessage(kind === 'secret' ? SecretSpec : ConfigSpec, own.spec, spec);
  const change = same ? ChangeKind.UNCHANGED : ChangeKind.UPDATE;
  return { change, kind, object: same ? own : { ...own, spec } } as PlanStep;
}

function sameContent(a: SecretSpec | ConfigSpec, b: SecretSpec | ConfigSpec): boolean {
  return Buffer.compare(a.data, b.data) === 0 && a.templateDriver === b.templateDriver;
}

function planServices(
  existing: readonly ServiceObject[],
  stack: string,
  specs: readonly CompleteServiceSpec[],
  prune: boolean,
  { newId, nowMs, platformsOf, resolveImage, registry, spared, found, leaveStopped = false, leftOut }: PlanContext,
): PlanStep[] {
  const wanted = new Set(specs.map((spec) => spec.annotations.name));
  // Services that this deployment removes give up their ports to those that it makes.
  const stays = (name: string) => wanted.has(name) || spared?.has(name) === true;
  const goes = (service: ServiceObject) => prune && stackLabelOf(service) === stack && !stays(nameOf(service));
  const settled = existing.filter((service) => !wanted.has(nameOf(service)) && !goes(service));
  refuseSharedNames([...settled, ...specs.map((spec) => ({ spec }))]);
  const holders = [...settled];
  const steps: PlanStep[] = [];
  // Ports that were asked for by number first, or chosen before, so that none of them is chosen for another service.
  const reserved = specs.map((spec) => {
    const own = ownNamed('service', existing, stack, spec.annotations.name);
    return asHolder(spec, keptPorts(spec.ports, own?.ports ?? []));
  });
  specs.forEach((spec, position) => {
    const own = ownNamed('service', existing, stack, spec.annotations.name);
    const others = [...holders, ...reserved.slice(position + 1)];
    const ports = allocatePorts(spec.annotations.name, spec.ports, own?.ports ?? [], others);
    holders.push(asHolder(spec, ports));
    const resolved = withImagePlatforms(spec, own?.spec, platformsOf, resolveImage);
    steps.push(
      own === undefined
        ? createService(resolved, ports, newId(), { registry, found, leaveStopped, leftOut })
        : planExistingService(own, resolved, ports, { nowMs, registry, found, leaveStopped }),
    );
  });
  return withDependentRestarts(steps, existing, nowMs);
}

/** A service that only holds ports. */
function asHolder(spec: CompleteServiceSpec, ports: PortConfig[]): ServiceObject {
  const holder = { id: '', meta: NO_META, spec, ports, specVersion: 0, pendingDelete: false };
  return { ...holder, ...awaiting(spec), ...NEVER_UPDATED, virtualIps: [], ...NOT_STOPPED };
}

function createService(
  spec: CompleteServiceSpec,
  ports: PortConfig[],
  id: string,
  { registry, found, leaveStopped, leftOut }: Pick<PlanContext, 'registry' | 'found' | 'leaveStopped' | 'leftOut'>,
): PlanStep {
  const object = {
    id,
    spec,
    ports,
    specVersion: 1,
    ...awaiting(spec, leftOut),
    pendingDelete: false,
    ...NOT_STOPPED,
    stopped: leaveStopped === true,
    virtualIps: [],
    ...NEVER_UPDATED,
  };
  const pullCredentials = keptCredentials(object, registry);
  const sources = sourcesOf(spec, found);
  return { change: ChangeKind.CREATE, kind: 'service', object: { ...object, pullCredentials, sources } };
}

function planExistingService(
  own: ServiceObject,
  wanted: CompleteServiceSpec,
  ports: PortConfig[],
  { nowMs, registry, found, leaveStopped }: Pick<PlanContext, 'nowMs' | 'registry' | 'found' | 'leaveStopped'>,
): PlanStep {
  // Most stacks say nothing of it, and what was once rolled needn't be again.
  const forceUpdate = Math.max(own.spec.task.forceUpdate, wanted.task.forceUpdate);
  const spec = { ...wanted, task: { ...wanted.task, forceUpdate } };
  const changed = withSpec(own, spec, ports, nowMs);
  const pullCredentials = keptCredentials(changed, registry);
  const sources = sourcesOf(spec, found, own.sources);
  const same =
    sameSources(own.sources, sources) &&
    samePorts(own.ports, ports) &&
    sameMessage(ServiceSpecMessage, own.spec, spec) &&
    sameCredentials(own.pullCredentials, pullCredentials);
  if (same && (!own.stopped || leaveStopped) && !isPaused(own.updateStatus))
    return { change: ChangeKind.UNCHANGED, kind: 'service', object: own };
  if (own.spec.mode?.$case !== spec.mode?.$case) {
    throw new GantryError('WRONG_STATE', `service ${spec.annotations.name} can't change its mode`, {
      hint: 'remove the service first',
    });
  }
  return { change: ChangeKind.UPDATE, kind: 'service', object: { ...changed, pullCredentials, sources } };
}

/** What the stack has and its spec doesn't mention; not the networks that others use. */
function unmentioned(existing: Existing, stack: StackSpec, spared: ReadonlySet<string> = new Set()): PlanStep[] {
  const left = <T extends { readonly spec: { readonly annotations: Annotations } }>(
    objects: readonly T[],
    specs: readonly { readonly annotations: Annotations | undefined }[],
  ): T[] => {
    const names = new Set(specs.map((spec) => spec.annotations?.name));
    return objects.filter((object) => stackLabelOf(object) === stack.name && !names.has(nameOf(object)));
  };
  const isOther = (service: ServiceObject) => stackLabelOf(service) !== stack.name || spared.has(nameOf(service));
  const used = new Set(existing.services.filter(isOther).flatMap(({ spec }) => usedIds(spec.task)));
  return removals({
    services: left(existing.services, stack.services).filter((service) => !spared.has(nameOf(service))),
    networks: left(existing.networks.filter(isLive), stack.networks).filter(({ id }) => !used.has(id)),
    secrets: left(existing.secrets.filter(isLive), stack.secrets),
    configs: left(existing.configs.filter(isLive), stack.configs),
  });
}

/** Steps that take objects away, services first. */
export function removals(objects: Omit<Existing, 'nodes'>): PlanStep[] {
  const remove = <K extends PlannedKind>(kind: K, list: readonly ObjectTypes[K][]): PlanStep[] =>
    list.map((object) => ({ change: ChangeKind.REMOVE, kind, object: { ...object, pendingDelete: true } }) as PlanStep);
  return [
    ...remove('service', objects.services),
    ...remove('network', objects.networks),
    ...remove('secret', objects.secrets),
    ...remove('config', objects.configs),
  ];
}
