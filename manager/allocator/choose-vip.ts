/** Which address of a network a service gets for itself. Pure. */
import { createHash } from 'node:crypto';
import type { NetworkObject } from '../store/network.ts';
import { rangeOf } from './address-range.ts';
import { contains, formatAddress, parseAddress, parseCidr, size } from './cidr.ts';

/** Of the network's range: its last quarter is where services' addresses are looked for first, since nodes' blocks begin below. */
const QUARTER = 4;

/**
 * An address that no node's containers and no other service (`taken`) has; undefined when there is none left. Where the
 * search begins follows from the service's id, so that the address of one that was just removed, and that a node may still
 * send on, isn't given again.
 */
export function chooseVip(network: NetworkObject, serviceId: string, taken: ReadonlySet<string>): string | undefined {
  const [subnet, range] = [parseCidr(network.subnet), rangeOf(network)];
  if (subnet === undefined || range === undefined) return undefined;
  const gateway = parseAddress(network.gateway);
  const nobodys = new Set(Object.values(network.spec.auxAddresses).map(parseAddress));
  const blocks = network.blocks.flatMap(({ cidr }) => parseCidr(cidr) ?? []);
  const first = Math.max(subnet.base + 1, range.base);
  const last = Math.min(subnet.base + size(subnet) - 2, range.base + size(range) - 1);
  const isFree = (address: number) =>
    address !== gateway &&
    !nobodys.has(address) &&
    !blocks.some((block) => contains(block, address)) &&
    !taken.has(formatAddress(address));
  for (const address of candidates(first, last, seedOf(serviceId, network.id))) {
    if (isFree(address)) return formatAddress(address);
  }
  return undefined;
}

/** All from `first` to `last`: the last quarter from somewhere in it on, then downwards. */
function* candidates(first: number, last: number, seed: number): Generator<number> {
  const count = Math.max(1, Math.floor((last - first + 1) / QUARTER));
  const begin = last - count + 1;
  for (let step = 0; step < count; step++) yield begin + ((seed + step) % count);
  for (let address = begin - 1; address >= first; address--) yield address;
}

function seedOf(serviceId: string, networkId: string): number {
  return createHash('sha256').update(`${serviceId} ${networkId}`).digest().readUInt32BE();
}
