/** What a macvlan network of the cluster can be, and whether any node can have it. Pure. */
import { GantryError } from '../../proto/errors.ts';
import type { NetworkSpec } from '../../proto/generated/gantry/v1/types.ts';
import { isMacvlan, readMacvlanOptions } from '../../proto/macvlan-options.ts';
import { type NeedyNetwork, whatIsMissing } from '../store/network-needs.ts';
import { type NodeObject, nodeName } from '../store/node.ts';

/** Of nodes that can't have it, so many are named. */
const NAMED = 3;

/** Throws INVALID_ARGUMENT, UNSUPPORTED. Of other networks only that they have no config. */
export function checkMacvlanSpec(spec: NetworkSpec): void {
  const name = spec.annotations?.name ?? '';
  if (!isMacvlan(spec)) {
    if (spec.configFrom === '') return;
    throw new GantryError('UNSUPPORTED', `network ${name}: config-only networks are for macvlan`, {
      hint: `write -d macvlan, or leave --config-from ${spec.configFrom} out`,
    });
  }
  if (spec.enableIpv6 || spec.ipv6Subnet !== '') {
    throw new GantryError('UNSUPPORTED', `network ${name}: macvlan networks have no IPv6 yet`, {
      hint: 'leave IPv6 out, or use overlay',
    });
  }
  if (spec.configFrom === '') checkOwn(name, spec);
  else refuseBoth(name, spec);
}

function checkOwn(name: string, { driverOpts, subnet }: NetworkSpec): void {
  const { parent, mode } = readMacvlanOptions(name, driverOpts);
  if (parent === undefined) {
    throw new GantryError('INVALID_ARGUMENT', `network ${name}: a macvlan network of the cluster needs a parent`, {
      hint: "name the link of each node: parent=eth0; where it has different names, make it from each node's --config-only network",
    });
  }
  if (!/^[^\s/]{1,15}$/.test(parent) || parent === 'lo') {
    throw new GantryError('INVALID_ARGUMENT', `network ${name}: "${parent}" can't be a parent`, {
      hint: 'write the name of a link, eth0, or eth0.10 for VLAN 10 on it',
    });
  }
  if (mode === 'passthru') {
    throw new GantryError('UNSUPPORTED', `network ${name}: in mode passthru one container would have a node's link`, {
      hint: 'write macvlan_mode bridge, private or vepa',
    });
  }
  if (subnet !== '') return;
  throw new GantryError('INVALID_ARGUMENT', `network ${name}: a macvlan network needs the subnet of its LAN`, {
    hint: 'give it with --subnet, or ipam.config.subnet in a stack, and with an IP range that nobody else there gives out',
  });
}

function refuseBoth(name: string, { driverOpts, subnet, gateway, ipRange, configFrom }: NetworkSpec): void {
  const own = [subnet, gateway, ipRange, ...Object.keys(driverOpts)].find((value) => value !== '');
  if (own === undefined) return;
  throw new GantryError('INVALID_ARGUMENT', `network ${name}: ${own} doesn't go with config ${configFrom}`, {
    hint: "leave it out: addresses and options are those of each node's config-only network",
  });
}

/** Throws UNSUPPORTED when no node of the cluster has its link, with what each lacks. */
export function checkHasPlace(networks: readonly NeedyNetwork[], nodes: readonly NodeObject[]): void {
  for (const network of networks.filter(({ spec }) => isMacvlan(spec))) {
    const reasons = nodes.map((node) => ({ node, missing: whatIsMissing(node, network) }));
    if (reasons.some(({ missing }) => missing === undefined)) continue;
    const named = reasons.slice(0, NAMED).map(({ node, missing }) => `${nodeName(node)}: ${missing}${present(node)}`);
    const more = nodes.length > NAMED ? `; and ${nodes.length - NAMED} more` : '';
    throw new GantryError(
      'UNSUPPORTED',
      `network ${network.spec.annotations.name} can be on no node of the cluster (${named.join('; ')}${more})`,
      { hint: "name a link that nodes have: 'ip link' there lists them" },
    );
  }
}

function present({ description: { links } }: NodeObject): string {
  return links.length === 0 ? '' : `, but ${links.slice(0, NAMED).join(', ')}${links.length > NAMED ? ', …' : ''}`;
}
