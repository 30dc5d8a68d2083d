/** StackDeploy. */
import { GantryError } from '../../proto/errors.ts';
import {
  ChangeKind,
  ObjectKind,
  RegistryFacts,
  ResolveImage,
  type StackChange,
  type StackDeployRequest,
  type StackDeployResponse,
  type StackSpec,
} from '../../proto/generated/gantry/v1/control.ts';
import type { PortConfig } from '../../proto/generated/gantry/v1/types.ts';
import { newObjectId } from '../../proto/ids.ts';
import type { NetworkObject } from '../store/network.ts';
import { NO_META } from '../store/object-type.ts';
import { portsToTake } from '../store/published-ports.ts';
import { completeServiceSpec, serviceName } from '../store/service.ts';
import type { StackVersionObject } from '../store/stack-version.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { WriteTransaction } from '../store/transaction.ts';
import type { FoundSources } from '../volumes/mount-sources.ts';
import { needsOfNetworks, refuseExhausted, refuseTooFewBlocks } from './address-room.ts';
import type { ApiContext } from './context.ts';
import { checkKnowsCredentials, unrecordedImages, withPinnedImages } from './deployed-images.ts';
import { describePlan } from './diff/describe-plan.ts';
import { checkEncrypted } from './encrypted-networks.ts';
import { checkKnowsLeftOut, checkKnowsNetworks, checkKnowsStopped, checkStateFormat } from './known-format.ts';
import { knownPlatforms } from './known-platforms.ts';
import { checkHasPlace } from './macvlan-networks.ts';
import { checkOnNodes } from './network-probe.ts';
import type { PlanStep } from './plan-step.ts';
import { checkHostPorts, newPorts } from './port-probe.ts';
import { runStep } from './run-plan.ts';
import { findSources } from './source-probe.ts';
import { type Existing, isLive, planStack } from './stack-plan.ts';
import { validateStack } from './stack-validation.ts';
import { checkIsNewest, recordVersion, shortName, versionsOf } from './stack-versions.ts';
import { unknownSources } from './unknown-sources.ts';

export function stackDeploy(
  context: ApiContext,
  request: StackDeployRequest,
  signal: AbortSignal,
): Promise<StackDeployResponse> {
  return deployStack(context, request, undefined, signal);
}

/** A deployment that goes back to what the stack was. */
export interface WayBack {
  /** The version that it goes back to. */
  readonly to: number;
  /** The version that is taken back, which must be the newest; 0: whichever is. */
  readonly takenBack: number;
}

/** Plans, asks the nodes about networks and ports, then plans again and runs the plan in one transaction. */
export async function deployStack(
  context: ApiContext,
  request: StackDeployRequest,
  wayBack: WayBack | undefined,
  signal: AbortSignal,
): Promise<StackDeployResponse> {
  if (request.stack === undefined) throw new GantryError('INVALID_ARGUMENT', 'deploy a stack: the request has none');
  const stack = validateStack(request.stack);
  const found = await findSources(context, stack.services.map(completeServiceSpec), signal);
  const deployment = new Deployment(context, { ...request, stack }, wayBack, found);
  const draft = context.store.view((read) => deployment.draft(read));
  await checkOnNodes(context, newNetworks(draft.steps), signal);
  await checkHostPorts(context, newlyPublished(context, deployment.stack, draft.steps), signal);
  if (request.dryRun) return draft.response;
  const { unrecordedImages: unrecorded, unknownSources: unknown } = draft.response;
  return context.store.update((tx) => {
    return { ...deployment.run(tx), unrecordedImages: unrecorded, unknownSources: unknown };
  });
}

/** Stands for the digest of an image that a dry run doesn't build. */
const NOT_BUILT_YET = `sha256:${'0'.repeat(64)}`;

class Deployment {
  readonly stack: StackSpec;
  readonly #context: ApiContext;
  readonly #request: StackDeployRequest;
  readonly #wayBack: WayBack | undefined;
  readonly #found: FoundSources;

  constructor(
    context: ApiContext,
    request: StackDeployRequest & { readonly stack: StackSpec },
    wayBack: WayBack | undefined,
    found: FoundSources,
  ) {
    this.#context = context;
    this.#request = request;
    this.stack = request.stack;
    this.#wayBack = wayBack;
    this.#found = found;
  }

  /** The plan as it would be now, and what a dry run answers. */
  draft(read: ReadTransaction): { readonly steps: PlanStep[]; readonly response: StackDeployResponse } {
    const stack = this.#pinned(read);
    const steps = this.#plan(read, stack);
    const nodes = read.find('node', { by: 'all' });
    checkEncrypted(newNetworks(steps), nodes);
    checkHasPlace(newNetworks(steps), nodes);
    for (const network of newNetworks(steps)) refuseTooFewBlocks(read, network);
    const version = versionsOf(read, stack.name)[0]?.version ?? 0;
    const { changes, leftOverServices } = this.#describe(read, steps);
    const told = { changes: this.#withBuilds(read, changes), leftOverServices, version, previousVersion: version };
    const unknown = unknownSources(read, stack.services, this.#found);
    const unrecorded = unrecordedImages(read, stack.services, this.#request);
    return { steps, response: { ...told, unrecordedImages: unrecorded, unknownSources: unknown } };
  }

  run(tx: WriteTransaction): StackDeployResponse {
    const stack = this.#pinned(tx);
    const steps = this.#plan(tx, stack);
    checkStateFormat(tx, this.stack);
    if (this.#request.leaveStopped) checkKnowsStopped(tx, 'services can be made without being started');
    checkKnowsCredentials(tx, this.#request);
    checkKnowsNetworks(tx, stack.networks);
    const needed = needsOfNetworks(tx);
    const told = this.#describe(tx, steps);
    const { clock, random } = this.#context;
    const { leaveStopped = false } = this.#request;
    const leftOut = this.#leftOut();
    checkKnowsLeftOut(tx, leftOut);
    const how = { nowMs: clock.now(), leaveStopped, leftOut };
    for (const step of steps) runStep(tx, step, how);
    refuseExhausted(tx, needed);
    const recorded = recordVersion(tx, { stack, rollbackTo: this.#wayBack?.to ?? 0, nowMs: clock.now(), random });
    return { ...told, ...recorded, unrecordedImages: [], unknownSources: [] };
  }

  #plan(read: ReadTransaction, stack: StackSpec): PlanStep[] {
    const { random, clock } = this.#context;
    const { prune, registry, resolveImage = ResolveImage.ALWAYS, leaveStopped = false } = this.#request;
    return planStack(existingIn(read), stack, prune, {
      newId: () => newObjectId(random),
      nowMs: clock.now(),
      platformsOf: knownPlatforms(this.#context, read, registry),
      resolveImage,
      registry,
      spared: this.#spared(read),
      found: this.#found,
      leaveStopped,
      leftOut: this.#leftOut(),
    });
  }

  /** Names of services that nothing waits for that starts. */
  #leftOut(): ReadonlySet<string> {
    if (this.#request.leaveOutOthers !== true) return new Set();
    const { services } = this.stack;
    const own = new Set(services.map(({ annotations }) => annotations?.name));
    const needed = services.flatMap(({ dependencies }) => dependencies.map(({ service }) => service));
    return new Set(needed.filter((name) => !own.has(name)));
  }

  /** What is gone back to is what it was. */
  #pinned(read: ReadTransaction): StackSpec {
    if (this.#wayBack !== undefined) return this.stack;
    return { ...this.stack, services: withPinnedImages(this.#context, read, this.stack.services, this.#request) };
  }

  /** What comes of builds giving other images than there are, beside what is sure to come. */
  #withBuilds(read: ReadTransaction, changes: readonly StackChange[]): StackChange[] {
    const { registry } = this.#request;
    const toBuild = registry?.toBuild ?? [];
    if (toBuild.length === 0) return [...changes];
    const others = Object.fromEntries(toBuild.map((image) => [image, { digest: NOT_BUILT_YET, platform: undefined }]));
    const facts = RegistryFacts.fromPartial({ ...registry, built: { ...registry?.built, ...others } });
    const services = withPinnedImages(this.#context, read, this.stack.services, { ...this.#request, registry: facts });
    const rebuilt = this.#describe(read, this.#plan(read, { ...this.stack, services })).changes;
    const isToBuild = new Set(
      this.stack.services.flatMap(({ annotations, task }) =>
        toBuild.includes(task?.container?.image ?? '') ? [annotations?.name] : [],
      ),
    );
    return changes.map((change) => {
      const isOther = change.kind === ObjectKind.SERVICE && isToBuild.has(change.name) && !isNewOrGone(change);
      const ifRebuilt = isOther ? rebuilt.find(({ id }) => id === change.id) : undefined;
      return { ...change, ifRebuilt: ifRebuilt && { consequence: ifRebuilt.consequence, tasks: ifRebuilt.tasks } };
    });
  }

  /** What wasn't deployed with the version that is taken back isn't its to take away. */
  #spared(read: ReadTransaction): ReadonlySet<string> {
    const takenBack = this.#wayBack?.takenBack ?? 0;
    if (takenBack === 0) return new Set();
    const { name } = this.stack;
    return new Set(servicesBeside(read, name, checkIsNewest(versionsOf(read, name), name, takenBack)));
  }

  #describe(read: ReadTransaction, steps: readonly PlanStep[]) {
    const { name, services } = this.stack;
    const wanted = new Set(services.map(({ annotations }) => annotations?.name));
    const others = servicesOfStack(read, name).filter((own) => !wanted.has(own));
    return {
      changes: describePlan(steps, existingIn(read), tasksIn(read)),
      leftOverServices: this.#request.prune ? [] : others,
    };
  }
}

export function existingIn(read: ReadTransaction): Existing {
  return {
    networks: read.find('network', { by: 'all' }),
    secrets: read.find('secret', { by: 'all' }),
    configs: read.find('config', { by: 'all' }),
    services: read.find('service', { by: 'all' }).filter(isLive),
    nodes: read.find('node', { by: 'all' }),
  };
}

export function tasksIn(read: ReadTransaction) {
  return (serviceId: string) => read.find('task', { by: 'service', value: serviceId });
}

/** By name. */
function servicesOfStack(read: ReadTransaction, stack: string): string[] {
  return read.find('service', { by: 'stack', value: stack }).filter(isLive).map(serviceName);
}

/** Those that the version doesn't have. */
function servicesBeside(read: ReadTransaction, stack: string, { services }: StackVersionObject): string[] {
  const deployed = new Set(services);
  return servicesOfStack(read, stack).filter((name) => !deployed.has(shortName(name, stack)));
}

/** Ports that this deployment publishes for the first time. */
function newlyPublished(context: ApiContext, stack: StackSpec, draft: readonly PlanStep[]): PortConfig[] {
  const planned = new Map(draft.flatMap((step) => (step.kind === 'network' ? [[step.object.id, step.object]] : [])));
  return context.store.view((read) => {
    const networkOf = (id: string) => read.get('network', id);
    const before = read.find('service', { by: 'stack', value: stack.name });
    const now = draft.flatMap((step) =>
      step.kind === 'service' && step.change !== ChangeKind.REMOVE
        ? portsToTake(step.object, (id) => planned.get(id) ?? networkOf(id))
        : [],
    );
    return newPorts(
      now,
      before.flatMap((service) => portsToTake(service, networkOf)),
    );
  });
}

function isNewOrGone({ change }: StackChange): boolean {
  return change === ChangeKind.CREATE || change === ChangeKind.REMOVE;
}

function newNetworks(draft: readonly PlanStep[]): NetworkObject[] {
  return draft.flatMap((step) =>
    step.kind === 'network' && step.change === ChangeKind.CREATE ? [{ ...step.object, meta: NO_META }] : [],
  );
}
