/** Which nodes can have which networks: an encrypted one needs WireGuard. */
import { isEncrypted } from '../../proto/encrypted-option.ts';
import type { NetworkObject } from './network.ts';
import { type NodeObject, wireguardKey } from './node.ts';
import type { ReadTransaction } from './tables.ts';
import type { TaskObject } from './task.ts';

export function canHave(node: NodeObject, { spec }: Pick<NetworkObject, 'spec'>): boolean {
  return !isEncrypted(spec) || wireguardKey(node) !== '';
}

/** Name of the first network that the task is on and that is encrypted. */
export function encryptedNetworkOf(read: ReadTransaction, { spec }: TaskObject): string | undefined {
  for (const { target } of spec.networks) {
    const network = read.get('network', target);
    if (network !== undefined && isEncrypted(network.spec)) return network.spec.annotations.name;
  }
  return undefined;
}
