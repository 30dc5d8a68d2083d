/** From what the cluster assigns to a network whose containers are on a link of this host. Pure. */
import { GantryError } from '../../../proto/errors.ts';
import type { AssignedNetwork } from '../../../proto/generated/gantry/v1/dispatcher.ts';
import { hasParent, isMacvlan, readMacvlanOptions } from '../../../proto/macvlan-options.ts';
import type { Link } from '../netlink/link.ts';
import { checkAddresses, DEFAULT_MTU, type NetworkRecord } from '../network-record.ts';
import { contains, formatSubnet, parseSubnet, requireIpv4 } from '../subnet.ts';
import type { MacvlanRecord } from './macvlan-record.ts';
import { underlayOf } from './macvlan-spec.ts';

export interface HostSeen {
  /** Config-only networks of this host. */
  readonly configs: readonly NetworkRecord[];
  readonly links: readonly Link[];
  /** Of IPv4, of this host itself: its containers don't get them. */
  readonly addresses: readonly string[];
}

export function isOnLink({ network }: AssignedNetwork): boolean {
  return network?.spec !== undefined && isMacvlan(network.spec);
}

/**
 * The manager has seen to it that no other node gives out addresses of its blocks. Throws NOT_FOUND without the
 * config-only network that it is made of, UNSUPPORTED, INVALID_ARGUMENT.
 */
export function clusterMacvlan({ network, blocks }: AssignedNetwork, seen: HostSeen): NetworkRecord {
  if (network?.spec === undefined) throw new GantryError('INVALID_ARGUMENT', 'an assigned network has no spec');
  const { id, spec } = network;
  const name = spec.annotations?.name ?? id;
  if (network.ipv6Subnet !== '') {
    throw new GantryError('UNSUPPORTED', `network ${name}: macvlan networks have no IPv6 yet`);
  }
  const config = spec.configFrom === '' ? undefined : configNamed(name, spec.configFrom, seen.configs);
  const macvlan: MacvlanRecord = readMacvlanOptions(name, config?.driverOpts ?? spec.driverOpts);
  if (macvlan.parent === undefined) {
    throw new GantryError('INVALID_ARGUMENT', `network ${name}: a macvlan network of the cluster needs a parent`);
  }
  const subnet = parseSubnet(network.subnet);
  const own = seen.addresses.filter((address) => contains(subnet, requireIpv4(address)));
  const record: NetworkRecord = {
    id,
    name,
    driver: 'macvlan',
    internal: spec.internal,
    cluster: true,
    subnet: formatSubnet(subnet),
    gateway: network.gateway,
    blocks,
    mtu: underlayOf(macvlan, seen.links)?.mtu ?? DEFAULT_MTU,
    createdAtMs: network.meta?.createdAtMs ?? 0,
    overlay: undefined,
    macvlan,
    auxAddresses: {
      ...config?.auxAddresses,
      ...Object.fromEntries(own.map((address, position) => [`host-${position + 1}`, address])),
    },
    attachable: spec.attachable,
    hasOwnSubnet: true,
    labels: spec.annotations?.labels ?? {},
    driverOpts: spec.driverOpts,
    ...(config === undefined ? {} : { configFrom: config.name }),
  };
  checkAddresses(record);
  return record;
}

/** Whether this host can have it at all: tasks on it are placed where that is so. */
export function isPossible(
  { network }: AssignedNetwork,
  parents: readonly string[],
  configs: readonly NetworkRecord[],
): boolean {
  const { configFrom = '', driverOpts = {} } = network?.spec ?? {};
  const options: { readonly parent?: string } =
    configFrom === '' ? driverOpts : (configs.find(({ name }) => name === configFrom)?.driverOpts ?? {});
  return options.parent !== undefined && hasParent(parents, options.parent);
}

function configNamed(network: string, name: string, configs: readonly NetworkRecord[]): NetworkRecord {
  const config = configs.find((one) => one.name === name);
  if (config !== undefined) return config;
  throw new GantryError('NOT_FOUND', `network ${network} is made of config-only network ${name}, which isn't here`, {
    hint: `make it on this host: 'gantry network create --config-only --subnet … -o parent=… ${name}'`,
  });
}
