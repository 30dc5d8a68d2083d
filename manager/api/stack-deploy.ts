/** StackDeploy and StackRemove. */
import { GantryError } from '../../proto/errors.ts';
import {
  ChangeKind,
  ObjectKind,
  ResolveImage,
  type StackChange,
  type StackDeployRequest,
  type StackDeployResponse,
  type StackRemoveRequest,
  type StackRemoveResponse,
  type StackSpec,
} from '../../proto/generated/gantry/v1/control.ts';
import type { PortConfig } from '../../proto/generated/gantry/v1/types.ts';
import { newObjectId } from '../../proto/ids.ts';
import type { NetworkObject } from '../store/network.ts';
import { NO_META } from '../store/object-type.ts';
import { portsToTake } from '../store/published-ports.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { WriteTransaction } from '../store/transaction.ts';
import { needsOfNetworks, refuseExhausted, refuseTooFewBlocks } from './address-room.ts';
import type { ApiContext } from './context.ts';
import { checkKnowsCredentials, unrecordedImages, withPinnedImages } from './deployed-images.ts';
import { checkEncrypted } from './encrypted-networks.ts';
import { asFarAsKnown, checkKnowsNetworks, checkStateFormat } from './known-format.ts';
import { knownPlatforms } from './known-platforms.ts';
import { checkHasPlace } from './macvlan-networks.ts';
import { checkOnNodes } from './network-probe.ts';
import { checkHostPorts, newPorts } from './port-probe.ts';
import { type Existing, isLive, type NewVersion, type PlanStep, planStack, removals } from './stack-plan.ts';
import { validateStack } from './stack-validation.ts';
import { forgetVersions, recordVersion, versionsOf } from './stack-versions.ts';

export function stackDeploy(
  context: ApiContext,
  request: StackDeployRequest,
  signal: AbortSignal,
): Promise<StackDeployResponse> {
  return deployStack(context, request, 0, signal);
}

/**
 * Plans, asks the nodes about the ports, then plans again and runs the plan in one transaction. `rollbackTo`: the version
 * that it goes back to, or 0.
 */
export async function deployStack(
  context: ApiContext,
  request: StackDeployRequest,
  rollbackTo: number,
  signal: AbortSignal,
): Promise<StackDeployResponse> {
  if (request.stack === undefined) throw new GantryError('INVALID_ARGUMENT', 'deploy a stack: the request has none');
  const stack = validateStack(request.stack);
  // What is gone back to is what it was.
  const pinned = (read: ReadTransaction): StackSpec =>
    rollbackTo > 0 ? stack : { ...stack, services: withPinnedImages(context, read, stack.services, request) };
  const plan = (read: ReadTransaction) =>
    planStack(existingIn(read), pinned(read), request.prune, {
      newId: () => newObjectId(context.random),
      nowMs: context.clock.now(),
      platformsOf: knownPlatforms(context, read, request.registry),
      resolveImage: request.resolveImage ?? ResolveImage.ALWAYS,
      registry: request.registry,
    });
  const { draft, unrecorded } = context.store.view((read) => {
    const steps = plan(read);
    const nodes = read.find('node', { by: 'all' });
    checkEncrypted(newNetworks(steps), nodes);
    checkHasPlace(newNetworks(steps), nodes);
    for (const network of newNetworks(steps)) refuseTooFewBlocks(read, network);
    return { draft: steps, unrecorded: unrecordedImages(read, pinned(read).services, request) };
  });
  await checkOnNodes(context, newNetworks(draft), signal);
  await checkHostPorts(context, newlyPublished(context, stack, draft), signal);
  if (request.dryRun) return { changes: draft.map(describeStep), unrecordedImages: unrecorded };
  return context.store.update((tx) => {
    const steps = plan(tx);
    const deployed = pinned(tx);
    checkStateFormat(tx, stack);
    checkKnowsCredentials(tx, request);
    checkKnowsNetworks(tx, stack.networks);
    const before = needsOfNetworks(tx);
    for (const step of steps) runStep(tx, step);
    refuseExhausted(tx, before);
    recordVersion(tx, { stack: deployed, rollbackTo, nowMs: context.clock.now(), random: context.random });
    return { changes: steps.map(describeStep), unrecordedImages: unrecorded };
  });
}

export function stackRemove(context: ApiContext, request: StackRemoveRequest): Promise<StackRemoveResponse> {
  return context.store.update((tx) => {
    const query = { by: 'stack', value: request.name } as const;
    const steps = removals({
      services: tx.find('service', query).filter(isLive),
      networks: tx.find('network', query).filter(isLive),
      secrets: tx.find('secret', query).filter(isLive),
      configs: tx.find('config', query).filter(isLive),
    });
    const isKnown = steps.length > 0 || versionsOf(tx, request.name).length > 0;
    if (!isKnown) throw new GantryError('NOT_FOUND', `nothing found in stack: ${request.name}`);
    for (const step of steps) runStep(tx, step);
    forgetVersions(tx, request.name);
    return { changes: steps.map(describeStep) };
  });
}

function existingIn(read: ReadTransaction): Existing {
  return {
    networks: read.find('network', { by: 'all' }),
    secrets: read.find('secret', { by: 'all' }),
    configs: read.find('config', { by: 'all' }),
    services: read.find('service', { by: 'all' }).filter(isLive),
    nodes: read.find('node', { by: 'all' }),
  };
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

function newNetworks(draft: readonly PlanStep[]): NetworkObject[] {
  return draft.flatMap((step) =>
    step.kind === 'network' && step.change === ChangeKind.CREATE ? [{ ...step.object, meta: NO_META }] : [],
  );
}

function runStep(tx: WriteTransaction, step: PlanStep): void {
  if (step.change === ChangeKind.UNCHANGED) return;
  if ('replaces' in step) runNewVersion(tx, step);
  else if (step.change === ChangeKind.CREATE) tx.create(step.kind, step.object);
  else if (step.kind === 'service') tx.update('service', asFarAsKnown(tx, step.object));
  else tx.update(step.kind, step.object);
}

/** The old one gives up the name first. */
function runNewVersion(tx: WriteTransaction, { kind, object, replaces }: NewVersion): void {
  tx.update(kind, replaces);
  if ('meta' in object) tx.update(kind, object);
  else tx.create(kind, object);
}

const KINDS = {
  network: ObjectKind.NETWORK,
  secret: ObjectKind.SECRET,
  config: ObjectKind.CONFIG,
  service: ObjectKind.SERVICE,
} as const;

function describeStep(step: PlanStep): StackChange {
  return {
    change: step.change,
    kind: KINDS[step.kind],
    id: step.object.id,
    name: step.object.spec.annotations.name,
  };
}
