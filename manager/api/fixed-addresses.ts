/** Whether services can have the addresses that they ask for. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { isSameIpv6 } from '../../proto/ipv6/subnet6.ts';
import { isMacvlan } from '../../proto/macvlan-options.ts';
import { contains, parseAddress, parseCidr, size } from '../allocator/cidr.ts';
import { addressesOf, blockOf } from '../allocator/fixed-addresses.ts';
import { counterpart6 } from '../allocator/subnets6.ts';
import type { NetworkObject } from '../store/network.ts';
import type { CompleteServiceSpec, ServiceObject } from '../store/service.ts';

/** As it is, or is about to be made. */
export type PlannedNetwork = Pick<
  NetworkObject,
  'spec' | 'subnet' | 'gateway' | 'blocks' | 'ipv6Subnet' | 'ipv6Gateway'
>;

export interface AddressPlan {
  readonly networkOf: (networkId: string) => PlannedNetwork | undefined;
  /** All services that there will be, also the one that is looked at. */
  readonly services: readonly Pick<ServiceObject, 'spec' | 'virtualIps' | 'pendingDelete'>[];
  readonly nodeName: (nodeId: string) => string;
}

/** Throws INVALID_ARGUMENT, UNSUPPORTED, IN_USE. */
export function checkFixedAddresses(spec: CompleteServiceSpec, plan: AddressPlan): void {
  const { name } = spec.annotations;
  for (const { target, ip, ipv6 } of spec.task.networks) {
    if (ip === undefined && ipv6 === undefined) continue;
    const network = plan.networkOf(target);
    const address = ip ?? ipv6 ?? '';
    if (network === undefined || isMacvlan(network.spec)) throw noSuchPlace(name, address, network);
    if (ip === undefined) throw onlyIpv6(name, address);
    checkUsable(name, network, ip);
    checkCounterpart(name, network, ip, ipv6);
    checkFree(name, target, network, ip, plan);
  }
}

function noSuchPlace(service: string, address: string, network: PlannedNetwork | undefined): GantryError {
  const where =
    network === undefined
      ? 'on a network of each node, which has addresses of its own'
      : `on macvlan network ${network.spec.annotations.name}, of which each node gives out addresses of its own`;
  return new GantryError('UNSUPPORTED', `service ${service}: its task can't have the address ${address} ${where}`, {
    hint: 'use an overlay network, or leave the address out and call the service by its name',
  });
}

function onlyIpv6(service: string, address: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `service ${service} has the IPv6 address ${address}, but none of IPv4`, {
    hint: 'give it both: each is as far from the beginning of its subnet as the other',
  });
}

function checkUsable(service: string, { spec, subnet, gateway }: PlannedNetwork, ip: string): void {
  if (spec.subnet === '') {
    const message = `service ${service}: network ${spec.annotations.name} has a subnet that nobody chose, so ${ip} can't be`;
    throw new GantryError('UNSUPPORTED', message, { hint: 'give the network a subnet of its own' });
  }
  const [cidr, address] = [parseCidr(subnet), parseAddress(ip)];
  const isUsable =
    cidr !== undefined &&
    address !== undefined &&
    contains(cidr, address) &&
    address !== cidr.base &&
    address !== cidr.base + size(cidr) - 1 &&
    ip !== gateway;
  if (isUsable) return;
  const message = `service ${service}: ${ip} is no address of network ${spec.annotations.name} that a task can have`;
  throw new GantryError('INVALID_ARGUMENT', message, {
    hint: `choose one of ${subnet}, but not its first, its last, nor its gateway ${gateway}`,
  });
}

function checkCounterpart(service: string, network: PlannedNetwork, ip: string, ipv6: string | undefined): void {
  if (ipv6 === undefined) return;
  const own = network.ipv6Subnet === '' ? undefined : counterpart6(network, ip);
  if (own !== undefined && isSameIpv6(own, ipv6)) return;
  throw new GantryError('INVALID_ARGUMENT', `service ${service} has address ${ip}, and so not ${ipv6}`, {
    hint: own === undefined ? 'enable IPv6 on the network' : `it has ${own} then: leave the other out`,
  });
}

function checkFree(
  service: string,
  networkId: string,
  { spec, blocks }: PlannedNetwork,
  ip: string,
  plan: AddressPlan,
): void {
  const { name } = spec.annotations;
  const aux = Object.entries(spec.auxAddresses).find(([, kept]) => kept === ip);
  if (aux !== undefined) {
    throw new GantryError('IN_USE', `service ${service}: address ${ip} of network ${name} is kept free for ${aux[0]}`, {
      hint: 'choose another one',
    });
  }
  const hint = 'choose another one, or create the network anew together with the service';
  const address = parseAddress(ip) ?? 0;
  const block = blocks.find(
    ({ cidr }) => cidr !== blockOf(ip) && contains(parseCidr(cidr) ?? { base: 0, prefix: 32 }, address),
  );
  if (block !== undefined) {
    const message = `service ${service}: address ${ip} of network ${name} is among those that node ${plan.nodeName(block.nodeId)} gives out, ${block.cidr}`;
    throw new GantryError('IN_USE', message, { hint });
  }
  for (const other of plan.services) {
    const { name: otherName } = other.spec.annotations;
    const has = otherName !== service && addressesOf(other, networkId).includes(ip);
    const isVip = other.virtualIps.some((one) => one.networkId === networkId && one.address === ip);
    if (has || isVip)
      throw new GantryError(
        'IN_USE',
        `service ${service}: address ${ip} of network ${name} is service ${otherName}'s`,
        { hint },
      );
  }
}
