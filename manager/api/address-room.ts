/** Whether networks have addresses for what is deployed on them: refused as a whole before anything of it is made. */
import { GantryError } from '../../proto/errors.ts';
import { EndpointMode } from '../../proto/generated/gantry/v1/types.ts';
import { isMacvlan } from '../../proto/macvlan-options.ts';
import { rangeOf, usableAddresses } from '../allocator/address-range.ts';
import { planBlocks } from '../allocator/blocks.ts';
import { chooseVip } from '../allocator/choose-vip.ts';
import { formatCidr } from '../allocator/cidr.ts';
import { fixedAddressesOf } from '../allocator/fixed-addresses.ts';
import { planLanBlocks } from '../allocator/lan-addresses.ts';
import { virtualIpsOf } from '../allocator/virtual-ips.ts';
import { eligibleNodes } from '../orchestrator/global/placement.ts';
import { rulesOf } from '../placement/rules.ts';
import { hasVirtualIps, isForAll, type NetworkObject } from '../store/network.ts';
import { canHave } from '../store/network-needs.ts';
import type { ServiceObject } from '../store/service.ts';
import type { ReadTransaction } from '../store/tables.ts';

/** How many addresses of a network services need: one for each task at a time, and one for the name. */
type Needs = ReadonlyMap<string, number>;

/** Takes note before a change; the other checks after it, so that what needs no more than before isn't refused. */
export function needsOfNetworks(read: ReadTransaction): Needs {
  const networks = read.find('network', { by: 'all' });
  return new Map(networks.map((network) => [network.id, needOf(read, network)]));
}

/** In the transaction, behind its changes. Throws EXHAUSTED for a network that now needs more than it has. */
export function refuseExhausted(read: ReadTransaction, before: Needs): void {
  for (const network of read.find('network', { by: 'all' })) {
    const need = needOf(read, network);
    if (need <= (before.get(network.id) ?? 0)) continue;
    const usable = usableAddresses(network);
    if (need > usable) throw exhausted(network, `has ${usable} addresses, and its services need ${need}`);
    refuseWithoutVips(read, network);
  }
}

/** Nodes' blocks may have all that is left. */
function refuseWithoutVips(read: ReadTransaction, network: NetworkObject): void {
  if (!hasVirtualIps(network)) return;
  const fixed = fixedAddressesOf(read, network).map(({ address }) => address);
  const taken = new Set([...virtualIpsOf(read, network.id), ...fixed]);
  for (const service of servicesOn(read, network.id)) {
    if (!hasVip(service) || service.virtualIps.some(({ networkId }) => networkId === network.id)) continue;
    const address = chooseVip(network, service.id, taken);
    if (address === undefined)
      throw exhausted(network, `has no address left for service ${service.spec.annotations.name}`);
    taken.add(address);
  }
}

/** Of a network that each node gets a block of. Throws EXHAUSTED when there are more nodes than blocks. */
export function refuseTooFewBlocks(read: ReadTransaction, network: NetworkObject): void {
  if (!isForAll(network)) return;
  const able = read.find('node', { by: 'all' }).filter((node) => canHave(node, network));
  const nodes = able.map(({ id }) => id);
  const demand = new Map(nodes.map((id) => [id, 1]));
  const plan = isMacvlan(network.spec)
    ? planLanBlocks(network, demand, able)
    : planBlocks(network, demand, new Set(nodes));
  if (plan.exhausted.length === 0) return;
  throw exhausted(network, `has no addresses for ${plan.exhausted.length} of ${nodes.length} nodes`);
}

function needOf(read: ReadTransaction, network: NetworkObject): number {
  return servicesOn(read, network.id)
    .map((service) => tasksOf(read, service) + (hasVip(service) && hasVirtualIps(network) ? 1 : 0))
    .reduce((sum, need) => sum + need, 0);
}

function servicesOn(read: ReadTransaction, networkId: string): ServiceObject[] {
  return read
    .find('service', { by: 'uses', value: networkId })
    .filter(
      ({ pendingDelete, spec }) => !pendingDelete && spec.task.networks.some(({ target }) => target === networkId),
    );
}

function hasVip({ spec }: ServiceObject): boolean {
  return spec.endpointMode === EndpointMode.VIP;
}

/** At a time. */
function tasksOf(read: ReadTransaction, { spec }: ServiceObject): number {
  const { mode } = spec;
  if (mode?.$case === 'replicated') return mode.value.replicas;
  if (mode?.$case === 'replicatedJob') return Math.min(mode.value.maxConcurrent, mode.value.totalCompletions);
  return eligibleNodes(read.find('node', { by: 'all' }), rulesOf(spec.placement));
}

function exhausted(network: NetworkObject, what: string): GantryError {
  const range = rangeOf(network);
  const where = network.spec.ipRange === '' ? 'subnet' : 'IP range';
  const { name } = network.spec.annotations;
  return new GantryError('EXHAUSTED', `network ${name}: ${where} ${range && formatCidr(range)} ${what}`, {
    hint: `make the network with a larger ${where}, or put fewer replicas and services on it; endpoint_mode dnsrr saves one each`,
  });
}
