/**
 * Addresses that a service's one task has wherever it runs. Each is a block of its own, which goes with the task: packets are
 * routed by block, so that is all that other nodes need. Neither nodes' other blocks nor services' own addresses have it.
 */
import type { AddressBlock } from '../../proto/generated/gantry/v1/types.ts';
import type { NetworkObject } from '../store/network.ts';
import type { ServiceObject } from '../store/service.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { needsAddress } from '../store/task.ts';

export interface FixedAddress {
  readonly address: string;
  /** Where the service's task is, or was last; undefined: nowhere yet. */
  readonly nodeId: string | undefined;
}

/** Of all services on the network. */
export function fixedAddressesOf(read: ReadTransaction, network: NetworkObject): FixedAddress[] {
  return read.find('service', { by: 'uses', value: network.id }).flatMap((service) =>
    addressesOf(service, network.id).map((address) => ({
      address,
      nodeId: nodeOf(read, service) ?? network.blocks.find(({ cidr }) => cidr === blockOf(address))?.nodeId,
    })),
  );
}

/** Those that the service has by its present spec. */
export function addressesOf(
  { spec, pendingDelete }: Pick<ServiceObject, 'spec' | 'pendingDelete'>,
  networkId: string,
): string[] {
  if (pendingDelete) return [];
  return spec.task.networks.flatMap(({ target, ip }) => (target === networkId && ip !== undefined ? [ip] : []));
}

/** The newest task's that has a node: an older one may still be ending elsewhere. */
function nodeOf(read: ReadTransaction, { id }: ServiceObject): string | undefined {
  const tasks = read
    .find('task', { by: 'service', value: id })
    .filter((task) => task.nodeId !== '' && needsAddress(task));
  return tasks.sort((a, b) => b.meta.createdVersion - a.meta.createdVersion)[0]?.nodeId;
}

export function blockOf(address: string): string {
  return `${address}/32`;
}

/** The network's blocks with those of fixed addresses where they should be. `present`: nodes that there are. */
export function withFixedBlocks(
  blocks: readonly AddressBlock[],
  fixed: readonly FixedAddress[],
  present: ReadonlySet<string>,
): AddressBlock[] {
  const wanted = new Map(
    fixed.flatMap(({ address, nodeId }) => (nodeId === undefined ? [] : [[blockOf(address), nodeId] as const])),
  );
  const kept = blocks.filter(({ nodeId, cidr }) => !isOfOne(cidr) || wanted.get(cidr) === nodeId);
  const known = new Set(kept.map(({ cidr }) => cidr));
  const added = [...wanted].filter(([cidr, nodeId]) => !known.has(cidr) && present.has(nodeId));
  return [...kept, ...added.map(([cidr, nodeId]) => ({ nodeId, cidr }))];
}

/** On overlay networks nodes' own blocks are larger. */
function isOfOne(cidr: string): boolean {
  return cidr.endsWith('/32');
}
