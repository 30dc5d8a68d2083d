/** Addresses of macvlan networks: parts of a LAN that is there already, and of which there are few. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { isMacvlan } from '../../proto/macvlan-options.ts';
import type { NetworkObject } from '../store/network.ts';
import { configOf } from '../store/network-needs.ts';
import { type NodeObject, nodeName } from '../store/node.ts';
import { type BlockPlan, planBlocks } from './blocks.ts';
import { type Cidr, parseCidr } from './cidr.ts';
import { allocateSubnet, type Subnet } from './subnets.ts';

/** What a new network is planned against. */
export interface Present {
  readonly networks: readonly NetworkObject[];
  readonly nodes: readonly NodeObject[];
}

/** As `allocateSubnet`; of a macvlan network nodes have addresses themselves, and their config-only networks may say which it is. */
export function subnetOf(spec: NetworkObject['spec'], { networks, nodes }: Present): Subnet {
  const { name } = spec.annotations;
  if (!isMacvlan(spec)) {
    const hostAddresses = nodes.map(({ status }) => status.address);
    return allocateSubnet(name, spec, networks, hostAddresses);
  }
  return allocateSubnet(name, spec.configFrom === '' ? spec : configured(spec, nodes), networks, []);
}

/** As `planBlocks`: nodes' own addresses are in nobody's block, and a node may have a part of the network of its own. */
export function planLanBlocks(
  network: NetworkObject,
  demand: ReadonlyMap<string, number>,
  nodes: readonly NodeObject[],
): BlockPlan {
  const present = new Set(nodes.map(({ id }) => id));
  const addresses = nodes.map(({ status }) => status.address);
  return planBlocks(network, demand, present, addresses, ownRanges(network, nodes));
}

/** Of each node that has a part of the network of its own, where that is. */
function ownRanges(network: NetworkObject, nodes: readonly NodeObject[]): Map<string, Cidr> {
  if (network.spec.configFrom === '') return new Map();
  return new Map(
    nodes.flatMap((node) => {
      const config = configOf(node, network.spec.configFrom);
      const range = config && (parseCidr(config.ipRange) ?? parseCidr(config.subnet));
      return range === undefined ? [] : [[node.id, range] as const];
    }),
  );
}

/** It is one LAN: throws NOT_FOUND when no node says what it is, CONFLICT when two don't say the same. */
function configured(
  { annotations: { name }, configFrom, auxAddresses }: NetworkObject['spec'],
  nodes: readonly NodeObject[],
): Subnet & Pick<NetworkObject['spec'], 'ipRange' | 'auxAddresses'> {
  const found = nodes.flatMap((node) => {
    const config = configOf(node, configFrom);
    return config === undefined ? [] : [{ node, config }];
  });
  const [first] = found;
  if (first === undefined) {
    throw new GantryError('NOT_FOUND', `network ${name}: no node has a config-only network ${configFrom}`, {
      hint: `on each node that is to have it: 'gantry network create --config-only --subnet … -o parent=… ${configFrom}'`,
    });
  }
  const { subnet, gateway } = first.config;
  const other = found.find(({ config }) => config.subnet !== subnet || config.gateway !== gateway);
  if (other === undefined) return { subnet, gateway, ipRange: '', auxAddresses };
  const says = ({ node, config }: typeof first) => `${nodeName(node)}: ${config.subnet}, gateway ${config.gateway}`;
  throw new GantryError(
    'CONFLICT',
    `network ${name}: nodes' config-only networks ${configFrom} are of different LANs (${says(first)}; ${says(other)})`,
    { hint: 'give them one subnet and gateway, and each an --ip-range of its own if you like; or other names' },
  );
}
