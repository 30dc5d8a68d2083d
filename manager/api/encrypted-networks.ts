/** Whether networks that are to be encrypted can be so anywhere. Pure. */
import { checkEncryptedOption, isEncrypted } from '../../proto/encrypted-option.ts';
import { GantryError } from '../../proto/errors.ts';
import type { NetworkObject } from '../store/network.ts';
import { type NodeObject, nodeName, wireguardKey } from '../store/node.ts';

/** Of those that can't, so many are named. */
const NAMED = 3;

/** Throws UNSUPPORTED when no node of the cluster has WireGuard, with what each says of why; INVALID_ARGUMENT. */
export function checkEncrypted(networks: readonly Pick<NetworkObject, 'spec'>[], nodes: readonly NodeObject[]): void {
  for (const { spec } of networks) {
    const { name } = spec.annotations;
    checkEncryptedOption(name, spec.driverOpts);
    if (!isEncrypted(spec) || nodes.some((node) => wireguardKey(node) !== '')) continue;
    const reasons = nodes.slice(0, NAMED).map((node) => `${nodeName(node)}: ${reasonOf(node)}`);
    const more = nodes.length > NAMED ? `; and ${nodes.length - NAMED} more` : '';
    throw new GantryError(
      'UNSUPPORTED',
      `network ${name} is to be encrypted, which no node of the cluster can do (${reasons.join('; ')}${more})`,
      {
        hint: "run 'modprobe wireguard' on nodes that are to take part, or use a kernel with CONFIG_WIREGUARD (Linux 5.6 and newer), and restart gantryd there; or leave the option out",
      },
    );
  }
}

function reasonOf({ description }: NodeObject): string {
  return description.wireguard?.missing || 'it does not say whether its kernel has WireGuard';
}
