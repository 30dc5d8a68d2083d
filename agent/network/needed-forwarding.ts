/** What the host must forward for its networks: IPv6 only where a network leads outside with it, or to other nodes. */
import { enableForwarding } from './forwarding.ts';
import { enableForwarding6 } from './ipv6/forwarding6.ts';
import { linkPrefix } from './link-names.ts';
import type { NetworkModel } from './model.ts';
import type { NetworkStore } from './store.ts';

/** Returns the settings that were off. */
export async function enableNeededForwarding(
  instance: string,
  model: NetworkModel,
  store: NetworkStore,
): Promise<string[]> {
  const settings: string[] = [];
  if (await enableForwarding(store)) settings.push('net.ipv4.ip_forward');
  const prefix = linkPrefix(instance);
  const forwards = model.forwardsIpv6();
  if (forwards && (await enableForwarding6(store, (link) => link.startsWith(prefix)))) {
    settings.push('net.ipv6.conf.all.forwarding');
  }
  return settings;
}
