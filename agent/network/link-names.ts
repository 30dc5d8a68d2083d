/**
 * Names of links in the host's namespace. A name holds 15 characters (IFNAMSIZ): "gt", four that say which gantryd,
 * "ingress", or "b" for a bridge, "x" for a VXLAN, "d" and "e" for the ends of a pair that leads nowhere, or "v" for a veth, eight that say which network, or which container and interface.
 */
import { createHash } from 'node:crypto';
import { formatIpv4, requireIpv4 } from './subnet.ts';

const NAME_LENGTH = 15;

export function bridgeName(instance: string, networkId: string): string {
  return `${linkPrefix(instance)}b${digest(networkId, 8)}`;
}

export function vxlanName(instance: string, networkId: string): string {
  return `${linkPrefix(instance)}x${digest(networkId, 8)}`;
}

/** Of the link between nodes for published ports. */
export function ingressName(instance: string): string {
  return `${linkPrefix(instance)}ingress`;
}

export function vethName(instance: string, containerId: string, index: number): string {
  return `${linkPrefix(instance)}v${digest(`${containerId}/${index}`, 8)}`;
}

/** A pair that containers of a macvlan network without a parent are on: the end that is their parent, and the other. */
export function privateParentNames(instance: string, networkId: string): [string, string] {
  return [`${linkPrefix(instance)}d${digest(networkId, 8)}`, `${linkPrefix(instance)}e${digest(networkId, 8)}`];
}

/** Whether a link is an end of such a pair. */
export function isPrivateParent(instance: string, name: string): boolean {
  return ['d', 'e'].some((end) => name.length === NAME_LENGTH && name.startsWith(`${linkPrefix(instance)}${end}`));
}

/** What all links of one gantryd begin with, and those of no other. */
export function linkPrefix(instance: string): string {
  return `gt${digest(instance, 4)}`;
}

/** [0-9a-z], as many as asked for. */
function digest(text: string, length: number): string {
  const value = createHash('sha256').update(text).digest().readBigUInt64BE();
  return value.toString(36).padStart(length, '0').slice(-length);
}

/** Of a network's bridge, which follows from its gateway. */
export function bridgeMac({ gateway }: { readonly gateway: string }): string {
  return macOf(requireIpv4(gateway));
}

/** A locally administered MAC address that follows from the IPv4 address, as Docker's do: 02:42 and the address. */
export function macOf(address: number): string {
  const octets = formatIpv4(address).split('.');
  return ['02', '42', ...octets.map((octet) => Number(octet).toString(16).padStart(2, '0'))].join(':');
}
