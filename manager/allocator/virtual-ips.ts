/** Gives services an address of their own on each of their networks, and takes it back with the network. */
import type { Logger } from 'pino';
import { EndpointMode, type TaskAddress } from '../../proto/generated/gantry/v1/types.ts';
import type { ControlLoop } from '../control-loop.ts';
import { hasVirtualIps } from '../store/network.ts';
import { type ServiceObject, serviceName } from '../store/service.ts';
import { FORMAT_OF_VIRTUAL_IPS } from '../store/state-format.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { StoreEvent } from '../store/watch.ts';
import { chooseVip } from './choose-vip.ts';
import { fixedAddressesOf } from './fixed-addresses.ts';
import { counterpart6 } from './subnets6.ts';

/** Keys are ids of services. */
export function virtualIpLoop(logger: Logger): ControlLoop {
  return {
    name: 'virtual IPs',
    kinds: ['service', 'cluster'],
    allKeys: serviceIds,
    keysOf: (event, read) => {
      if (event.kind === 'cluster') return raisesFormat(event) ? serviceIds(read) : [];
      return event.kind === 'service' && event.change !== 'remove' ? [event.object.id] : [];
    },
    reconcile: (tx, id) => {
      const service = tx.get('service', id);
      if (service === undefined || !isKnownToAll(tx)) return undefined;
      const { virtualIps, exhausted } = planVirtualIps(tx, service);
      if (!sameAddresses(service.virtualIps, virtualIps)) tx.update('service', { ...service, virtualIps });
      if (exhausted.length > 0) {
        logger.warn(
          { service: serviceName(service), networks: exhausted },
          'no address is left for a service: its name stands for its tasks',
        );
      }
      return undefined;
    },
  };
}

function serviceIds(read: ReadTransaction): string[] {
  return read.find('service', { by: 'all' }).map(({ id }) => id);
}

function isKnownToAll(read: ReadTransaction): boolean {
  return (read.find('cluster', { by: 'all' })[0]?.stateFormat ?? 0) >= FORMAT_OF_VIRTUAL_IPS;
}

function raisesFormat({ kind, object, previous }: StoreEvent): boolean {
  return kind === 'cluster' && object.stateFormat !== previous?.stateFormat;
}

interface VirtualIpPlan {
  readonly virtualIps: TaskAddress[];
  /** Ids of networks that have none left. */
  readonly exhausted: readonly string[];
}

/** What it has on networks that it is on, it keeps; one that is being removed until its tasks are to end, see the reaper. */
function planVirtualIps(read: ReadTransaction, service: ServiceObject): VirtualIpPlan {
  const exhausted: string[] = [];
  if (service.pendingDelete) return { virtualIps: service.virtualIps, exhausted };
  if (service.spec.endpointMode !== EndpointMode.VIP) return { virtualIps: [], exhausted };
  const virtualIps = service.spec.task.networks.flatMap(({ target }): TaskAddress[] => {
    const known = service.virtualIps.find(({ networkId }) => networkId === target);
    const network = read.get('network', target);
    if (known !== undefined || network === undefined) return known === undefined ? [] : [known];
    if (!hasVirtualIps(network)) return [];
    const fixed = fixedAddressesOf(read, network).map(({ address }) => address);
    const address = chooseVip(network, service.id, new Set([...virtualIpsOf(read, target), ...fixed]));
    if (address === undefined) exhausted.push(target);
    return address === undefined ? [] : [{ networkId: target, address }];
  });
  return { virtualIps, exhausted };
}

/** Of all services on the network. */
export function virtualIpsOf(read: ReadTransaction, networkId: string): string[] {
  return read
    .find('service', { by: 'uses', value: networkId })
    .flatMap(({ virtualIps }) => virtualIps)
    .filter((one) => one.networkId === networkId)
    .map(({ address }) => address);
}

/** As they are shown: with the length of their subnet's prefix, and behind each of IPv4 the one of IPv6 that goes with it. */
export function virtualIpsOfBoth(read: ReadTransaction, service: ServiceObject): TaskAddress[] {
  return service.virtualIps.flatMap((ipv4): TaskAddress[] => {
    const network = read.get('network', ipv4.networkId);
    if (network === undefined) return [ipv4];
    const within = (subnet: string, address: string) => ({ ...ipv4, address: `${address}/${subnet.split('/')[1]}` });
    const shown = within(network.subnet, ipv4.address);
    if (network.ipv6Subnet === '') return [shown];
    return [shown, within(network.ipv6Subnet, counterpart6(network, ipv4.address))];
  });
}

function sameAddresses(a: readonly TaskAddress[], b: readonly TaskAddress[]): boolean {
  const text = (addresses: readonly TaskAddress[]) =>
    JSON.stringify(addresses.map(({ networkId, address }) => [networkId, address]));
  return text(a) === text(b);
}
