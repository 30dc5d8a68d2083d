/** What a service may be on: networks, or its hosts' own instead of any. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { type ServiceSpec, UpdateOrder } from '../../proto/generated/gantry/v1/types.ts';
import { checkLinkLocal } from '../../proto/link-local.ts';
import { sharedPart, sharedServices } from '../../proto/shared-namespaces.ts';
import type { CompleteServiceSpec } from '../store/service.ts';

/** Words for what isn't a network. */
const HOST = 'host';
const NONE = 'none';

/** Throws INVALID_ARGUMENT. */
export function checkServiceNetworks(spec: CompleteServiceSpec): void {
  const { annotations, task, ports } = spec;
  const { name } = annotations;
  checkLinkLocal(task.networks.flatMap(({ linkLocalIps }) => linkLocalIps?.items ?? []));
  checkOwn(spec);
  const [first, second] = sharedServices(task.container);
  if (second !== undefined) {
    throw invalid(`service ${name} can't share with both ${first} and ${second}`, 'share all with one of them');
  }
  if (task.container.networkOf !== '') checkShared(spec);
  const word = task.networks.map(({ target }) => target).find((target) => target === HOST || target === NONE);
  if (word === undefined) return;
  if (task.networks.length > 1) {
    throw invalid(`service ${name}: network "${word}" can't be combined with others`, 'leave out the others, or it');
  }
  const [attachment] = task.networks;
  if (attachment !== undefined && attachment.aliases.length > 0) {
    throw invalid(`service ${name} has aliases, but no network of the cluster`, 'leave them out: nobody could ask');
  }
  if (ports.length === 0) return;
  throw word === HOST
    ? invalid(
        `service ${name} publishes ports, but is on the network of its hosts`,
        'drop the ports: what its tasks listen on is open there already',
      )
    : invalid(`service ${name} publishes ports, but has no network`, 'drop the ports, or put it on a network');
}

/** What belongs to a network is said of the service whose network it is. */
function checkShared({ annotations, task, ports }: CompleteServiceSpec): void {
  const { networkOf, hostname, dns, extraHosts } = task.container;
  const parts: [what: string, isThere: boolean][] = [
    ['networks', task.networks.length > 0],
    ['ports', ports.length > 0],
    ['a hostname', hostname !== ''],
    ['DNS servers', dns.length > 0],
    ['hosts', extraHosts.length > 0],
  ];
  const [part] = parts.find(([, isThere]) => isThere) ?? [];
  if (part === undefined) return;
  throw invalid(
    `service ${annotations.name} has ${part}, but is on the network of service ${networkOf}`,
    'leave them out, or say them of that service',
  );
}

/** Tasks that share networks are of the same slots, or nodes. Throws INVALID_ARGUMENT. */
export function checkSharedNetworks(services: readonly CompleteServiceSpec[]): void {
  const byName = new Map(services.map((spec) => [spec.annotations.name, spec]));
  for (const { annotations, task, mode } of services) {
    const [shared = ''] = sharedServices(task.container);
    const part = sharedPart(task.container);
    const host = byName.get(shared);
    if (host === undefined) continue;
    if (isPerNode(mode) !== isPerNode(host.mode)) {
      throw invalid(
        `service ${annotations.name} shares the ${part} of service ${shared}, of which only one is global`,
        'give both the same mode: tasks of the same slot, or on the same node, share them',
      );
    }
    const [own, most] = [tasksAtATime(mode), tasksAtATime(host.mode)];
    if (own <= most) continue;
    throw invalid(
      `service ${annotations.name} has ${own} tasks, and service ${shared}, whose ${part} they share, ${most}`,
      'each shares that of one: give that service as many replicas',
    );
  }
}

function isPerNode(mode: ServiceSpec['mode']): boolean {
  return mode?.$case === 'global' || mode?.$case === 'globalJob';
}

/** One task at a time can have what is one task's. Where it can be had, `checkFixedAddresses` looks. */
function checkOwn({ annotations, task, mode, update, rollback }: CompleteServiceSpec): void {
  const own = task.networks.flatMap(({ ip, ipv6, mac, linkLocalIps }) => {
    // On each node's own link.
    const onLink = isPerNode(mode) ? [] : (linkLocalIps?.items ?? []);
    return [ip, ipv6, mac, ...onLink].filter((one) => one !== undefined);
  });
  const [first] = own;
  if (first === undefined) return;
  const { name } = annotations;
  const tasks = tasksAtATime(mode);
  if (tasks > 1) {
    throw invalid(
      `service ${name} has address ${first}, which one task can have`,
      'leave it out, or let it have one replica',
    );
  }
  const orders = [update?.order, rollback?.order];
  if (!orders.includes(UpdateOrder.START_FIRST)) return;
  throw invalid(
    `service ${name} has address ${first}, which two tasks can't have while it is updated`,
    'let its updates stop first',
  );
}

/** Of a global service there is one on each node. */
function tasksAtATime(mode: ServiceSpec['mode']): number {
  if (mode?.$case === 'replicated') return mode.value.replicas;
  return mode?.$case === 'replicatedJob' ? mode.value.maxConcurrent : Number.POSITIVE_INFINITY;
}

function invalid(message: string, hint: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', message, { hint });
}
