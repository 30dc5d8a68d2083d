/** What is wrong with a link of ours, in words; empty when nothing is. Pure. */

import { formatSubnet6, linkLocalOf, parseSubnet6 } from '../../proto/ipv6/subnet6.ts';
import type { KernelState } from './kernel-state.ts';
import { bridgeMac, bridgeName, vethName } from './link-names.ts';
import type { Link, VxlanSpec } from './netlink/link.ts';
import { MAIN_TABLE } from './netlink/route-messages.ts';
import type { NetworkRecord } from './network-record.ts';
import { displayName, type SandboxRecord, vethsOf } from './sandbox-record.ts';
import { formatSubnet, parseSubnet } from './subnet.ts';

export function describeVxlan(wanted: VxlanSpec, link: Link | undefined): string[] {
  if (link === undefined) return [`link ${wanted.name}`];
  const isSame = link.vni === wanted.vni && link.mac === wanted.mac && link.mtu === wanted.mtu;
  return isSame ? switchedOn(link) : [`what link ${wanted.name} is`];
}

/** The bridge of a network; but for its MTU, which the kernel sets to the least of its ports. */
export function describeBridge(instance: string, network: NetworkRecord, state: KernelState): string[] {
  const name = bridgeName(instance, network.id);
  const bridge = state.links.get(name);
  if (bridge === undefined) return [`link ${name}`];
  const subnet = parseSubnet(network.subnet);
  const hasAddress = state.addresses.some(
    ({ linkIndex, address, prefixLength }) =>
      linkIndex === bridge.index && address === network.gateway && prefixLength === subnet.prefixLength,
  );
  const hasRoute = state.routes.some(
    ({ linkIndex, table, destination }) =>
      linkIndex === bridge.index && table === MAIN_TABLE && formatSubnet(destination) === formatSubnet(subnet),
  );
  return [
    ...switchedOn(bridge),
    ...(bridge.mac === bridgeMac(network) ? [] : [`MAC address of link ${name}`]),
    ...(hasAddress ? [] : [`address ${network.gateway} of link ${name}`]),
    // A bridge that is down has none.
    ...(hasRoute || !bridge.up || !hasAddress ? [] : [`route to ${network.subnet} of link ${name}`]),
    ...describeIpv6(network, bridge, state),
  ];
}

function describeIpv6({ ipv6 }: NetworkRecord, bridge: Link, state: KernelState): string[] {
  if (ipv6 === undefined) return [];
  const subnet = parseSubnet6(ipv6.subnet);
  const addresses = state.addresses.filter(({ linkIndex }) => linkIndex === bridge.index);
  const missing = [
    { address: ipv6.gateway, prefixLength: subnet.prefixLength },
    { address: linkLocalOf(bridge.mac), prefixLength: 64 },
  ].filter(
    (wanted) => !addresses.some((one) => one.address === wanted.address && one.prefixLength === wanted.prefixLength),
  );
  const hasRoute = state.routes6.some(
    ({ linkIndex, table, destination }) =>
      linkIndex === bridge.index && table === MAIN_TABLE && formatSubnet6(destination) === ipv6.subnet,
  );
  return [
    ...missing.map(({ address }) => `address ${address} of link ${bridge.name}`),
    ...(hasRoute || !bridge.up || missing.length > 0 ? [] : [`route to ${ipv6.subnet} of link ${bridge.name}`]),
  ];
}

export interface Plug {
  readonly veth: string;
  readonly bridge: string;
  readonly networkId: string;
  /** For words: whose it is. */
  readonly container: string;
}

/** Into bridges. */
export function plugsOf(instance: string, record: SandboxRecord): Plug[] {
  return vethsOf(record).map(([index, { networkId }]) => ({
    veth: vethName(instance, record.request.containerId, index),
    bridge: bridgeName(instance, networkId),
    networkId,
    container: displayName(record),
  }));
}

/** The near end of a container's link is in its bridge, and up. What its far end is like is the container's own affair. */
export function isPlugged({ veth, bridge }: Plug, { links }: Pick<KernelState, 'links'>): boolean {
  const [end, master] = [links.get(veth), links.get(bridge)];
  return end?.up === true && master !== undefined && end.master === master.index;
}

function switchedOn({ name, up }: Link): string[] {
  return up ? [] : [`link ${name} up`];
}
