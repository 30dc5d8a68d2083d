/** StackRemove. */
import { GantryError } from '../../proto/errors.ts';
import type { StackRemoveRequest, StackRemoveResponse } from '../../proto/generated/gantry/v1/control.ts';
import type { NetworkObject } from '../store/network.ts';
import { serviceName } from '../store/service.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { ApiContext } from './context.ts';
import { describePlan } from './diff/describe-plan.ts';
import { withStopTimeout } from './known-format.ts';
import { attachedContainers } from './network-probe.ts';
import { runStep } from './run-plan.ts';
import { existingIn, tasksIn } from './stack-deploy.ts';
import { isLive, removals, stackLabelOf } from './stack-plan.ts';
import { forgetVersions, versionsOf } from './stack-versions.ts';

/** Tells of what is on its way out already, too: whoever asks again may wait for it. Networks that others use stay. */
export async function stackRemove(
  context: ApiContext,
  { name, timeoutMs }: StackRemoveRequest,
  signal: AbortSignal,
): Promise<StackRemoveResponse> {
  const attached = await attachedTo(context, name, signal);
  return context.store.update((tx) => {
    const query = { by: 'stack', value: name } as const;
    const networks = tx
      .find('network', query)
      .map((network) => ({ network, users: usersOf(tx, network, name, attached) }));
    const steps = removals({
      services: tx.find('service', query).map((service) => withStopTimeout(tx, service, timeoutMs)),
      networks: networks.flatMap(({ network, users }) => (users.length === 0 ? [network] : [])),
      secrets: tx.find('secret', query).filter(isLive),
      configs: tx.find('config', query).filter(isLive),
    });
    const isKnown = steps.length + networks.length > 0 || versionsOf(tx, name).length > 0;
    if (!isKnown) throw new GantryError('NOT_FOUND', `nothing found in stack: ${name}`);
    const changes = describePlan(steps, existingIn(tx), tasksIn(tx));
    for (const step of steps)
      runStep(tx, step, { nowMs: context.clock.now(), leaveStopped: false, leftOut: new Set() });
    forgetVersions(tx, name);
    const used = networks.filter(({ users }) => users.length > 0);
    return {
      changes,
      networksInUse: used.map(({ network, users }) => ({ name: network.spec.annotations.name, users })),
    };
  });
}

/** Containers of no task on the networks of the stack, by the networks' ids. */
async function attachedTo(
  context: ApiContext,
  stack: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const networks = context.store.view((read) => read.find('network', { by: 'stack', value: stack })).filter(isLive);
  const found = networks.map(
    async (network) => [network.id, await attachedContainers(context, network, signal)] as const,
  );
  return new Map(await Promise.all(found));
}

/** Beside the stack itself. */
function usersOf(
  read: ReadTransaction,
  { id }: NetworkObject,
  stack: string,
  attached: ReadonlyMap<string, readonly string[]>,
): string[] {
  const services = read
    .find('service', { by: 'uses', value: id })
    .filter((service) => isLive(service) && stackLabelOf(service) !== stack)
    .map((service) => `service ${serviceName(service)}`);
  const containers = (attached.get(id) ?? []).map((container) => `container ${container}`);
  return [...services, ...containers];
}
