/** What a user asks of a macvlan network, checked against the links of the host. Pure. */
import { GantryError } from '../../../proto/errors.ts';
import type { LocalNetworkSpec } from '../../../proto/generated/gantry/v1/engine.ts';
import { readMacvlanOptions, vlanOf } from '../../../proto/macvlan-options.ts';
import type { Link } from '../netlink/link.ts';
import type { NetworkRecord } from '../network-record.ts';
import type { MacvlanRecord } from './macvlan-record.ts';

const MAX_NAME_LENGTH = 15;
const LAST_VLAN = 4094;

export interface HostLinksSeen {
  readonly networks: readonly NetworkRecord[];
  readonly links: readonly Link[];
  /** What the names of this gantryd's own links begin with. */
  readonly ownPrefix: string;
}

/** Throws UNSUPPORTED for another option, INVALID_ARGUMENT, NOT_FOUND for a parent that isn't there, IN_USE. */
export function planMacvlan({ name, driverOpts }: LocalNetworkSpec, seen: HostLinksSeen): MacvlanRecord {
  const options = readMacvlanOptions(name, driverOpts);
  const { parent } = options;
  if (parent === undefined) return options;
  refuseTaken(name, parent, seen.networks);
  checkParent(name, parent, seen);
  return options;
}

/** The link whose MTU its containers get; undefined where it has none yet. */
export function underlayOf({ parent }: MacvlanRecord, links: readonly Link[]): Link | undefined {
  const named = (name: string | undefined) => links.find((link) => link.name === name);
  return parent === undefined ? undefined : (named(parent) ?? named(vlanOf(parent)?.link));
}

function refuseTaken(name: string, parent: string, networks: readonly NetworkRecord[]): void {
  const holder = networks.find(({ macvlan }) => macvlan?.parent === parent);
  if (holder === undefined) return;
  throw new GantryError('IN_USE', `network ${name}: network ${holder.name} is already using parent ${parent}`, {
    hint: `put containers on ${holder.name}, or name a VLAN of the link: -o parent=${vlanOf(parent)?.link ?? parent}.10`,
  });
}

/** Throws NOT_FOUND for a parent that isn't there and can't be made, INVALID_ARGUMENT for one that containers can't be on. */
export function checkParent(
  network: string,
  parent: string,
  { links, ownPrefix }: Pick<HostLinksSeen, 'links' | 'ownPrefix'>,
): void {
  const link = links.find((candidate) => candidate.name === parent);
  const why = link && whyNot(link, links, ownPrefix);
  if (link === undefined) checkVlan(network, parent, links);
  if (why === undefined) return;
  throw new GantryError('INVALID_ARGUMENT', `network ${network}: parent ${parent} ${why.what}`, { hint: why.hint });
}

function whyNot({ name, master }: Link, links: readonly Link[], ownPrefix: string) {
  if (name === 'lo') return { what: 'leads nowhere', hint: 'leave the parent out for a network without a way out' };
  if (name.startsWith(ownPrefix)) return { what: 'is a link of gantryd', hint: 'name one that leads to the LAN' };
  const port = links.find(({ index }) => index === master)?.name;
  if (port === undefined) return undefined;
  return { what: `is a port of ${port}, which takes all that it receives`, hint: `write -o parent=${port}` };
}

/** One that is to be made. */
function checkVlan(network: string, parent: string, links: readonly Link[]): void {
  const vlan = vlanOf(parent);
  if (vlan === undefined || !links.some(({ name }) => name === vlan.link)) {
    throw new GantryError('NOT_FOUND', `network ${network}: there is no link ${vlan?.link ?? parent} on this host`, {
      hint: "'ip link' lists those that there are; write eth0, or eth0.10 for VLAN 10 on it",
    });
  }
  if (vlan.id < 1 || vlan.id > LAST_VLAN) {
    throw new GantryError('INVALID_ARGUMENT', `network ${network}: ${vlan.id} is no VLAN`, {
      hint: `write a number from 1 to ${LAST_VLAN}`,
    });
  }
  if (parent.length <= MAX_NAME_LENGTH) return;
  throw new GantryError('INVALID_ARGUMENT', `network ${network}: "${parent}" is too long for the name of a link`, {
    hint: `make the VLAN by hand under a name of at most ${MAX_NAME_LENGTH} characters, and write that`,
  });
}
