/** Which nodes can have which networks: an encrypted one needs WireGuard, a macvlan one the link that it is on. */
import { isEncrypted } from '../../proto/encrypted-option.ts';
import type { NetworkConfig } from '../../proto/generated/gantry/v1/types.ts';
import { hasParent, isMacvlan } from '../../proto/macvlan-options.ts';
import type { NetworkObject } from './network.ts';
import { type NodeObject, wireguardKey } from './node.ts';
import type { ReadTransaction } from './tables.ts';
import type { TaskObject } from './task.ts';

export type NeedyNetwork = Pick<NetworkObject, 'spec' | 'subnet' | 'gateway'>;
type DescribedNode = Pick<NodeObject, 'description'>;

export function canHave(node: NodeObject, network: NeedyNetwork): boolean {
  return whatIsMissing(node, network) === undefined;
}

/** In words that follow "network NAME: "; undefined: nothing. */
export function whatIsMissing(node: NodeObject, network: NeedyNetwork): string | undefined {
  const { spec } = network;
  const { name } = spec.annotations;
  if (isEncrypted(spec) && !isMacvlan(spec)) {
    return wireguardKey(node) === '' ? `no WireGuard for encrypted network ${name}` : undefined;
  }
  if (!isMacvlan(spec)) return undefined;
  const config = configOf(node, spec.configFrom);
  if (spec.configFrom !== '' && config === undefined) {
    return `no config-only network ${spec.configFrom} for macvlan network ${name}`;
  }
  if (config !== undefined && (config.subnet !== network.subnet || config.gateway !== network.gateway)) {
    return `config-only network ${config.name} has other addresses than macvlan network ${name}`;
  }
  const { parent = '' }: { readonly parent?: string } = (config ?? spec).driverOpts;
  return hasParent(node.description.links, parent) ? undefined : `no link ${parent} for macvlan network ${name}`;
}

/** The node's own part of a macvlan network; undefined: it has none of that name. */
export function configOf({ description }: DescribedNode, name: string): NetworkConfig | undefined {
  return description.networkConfigs.find((config) => config.name === name);
}

/** Networks of the task that not every node may be able to have. */
export function needyNetworksOf(read: ReadTransaction, { spec }: TaskObject): NetworkObject[] {
  return spec.networks.flatMap(({ target }) => {
    const network = read.get('network', target);
    return network !== undefined && (isEncrypted(network.spec) || isMacvlan(network.spec)) ? [network] : [];
  });
}

/** Whether a node can have other networks than before. */
export function hasOtherMeans(node: NodeObject, before: NodeObject): boolean {
  const means = ({ description: { links, networkConfigs } }: NodeObject) => JSON.stringify([links, networkConfigs]);
  return wireguardKey(node) !== wireguardKey(before) || means(node) !== means(before);
}
