/** Services' own addresses, as this node must know them: from what the cluster says to where each leads. Pure. */
import type { ServiceEndpoints } from '../../../proto/generated/gantry/v1/types.ts';
import { counterpart6 } from '../ipv6/counterpart.ts';
import { type Flow, IPPROTO_UDP } from '../netlink/conntrack.ts';
import type { NetworkRecord } from '../network-record.ts';

/** On one network, of IPv4 or of IPv6. */
export interface VirtualService {
  readonly networkId: string;
  readonly address: string;
  /** Addresses of healthy tasks, sorted; none: whoever connects is refused. */
  readonly targets: readonly string[];
}

/** A service has an address of its own only where packets between containers go through their hosts. */
export function hasVirtualIps({ overlay }: Pick<NetworkRecord, 'overlay'>): boolean {
  return overlay !== undefined;
}

export function virtualServices(
  services: readonly ServiceEndpoints[],
  networks: ReadonlyMap<string, NetworkRecord>,
): VirtualService[] {
  return services.flatMap(({ virtualIps, endpoints }) =>
    virtualIps.flatMap(({ networkId, address }): VirtualService[] => {
      const network = networks.get(networkId);
      if (network === undefined || !hasVirtualIps(network)) return [];
      const addresses = endpoints.flatMap((endpoint) =>
        endpoint.addresses.flatMap((one) => (one.networkId === networkId ? [one.address] : [])),
      );
      const targets = [...new Set(addresses)].sort();
      const address6 = counterpart6(network, address);
      const targets6 = targets.flatMap((target) => counterpart6(network, target) ?? []);
      const ipv6 = address6 === undefined ? [] : [{ networkId, address: address6, targets: targets6 }];
      return [{ networkId, address, targets }, ...ipv6];
    }),
  );
}

/**
 * UDP flows to a task that its service doesn't lead to any more. Rules are asked only for a flow's first packet, and a UDP
 * flow lasts as long as its client keeps talking.
 */
export function flowsToOthers(flows: readonly Flow[], services: readonly VirtualService[]): Flow[] {
  const byAddress = new Map(services.map(({ address, targets }) => [address, new Set(targets)]));
  return flows.filter(({ original, reply }) => {
    const targets = byAddress.get(original.destination);
    return original.protocol === IPPROTO_UDP && targets !== undefined && !targets.has(reply.source);
  });
}

/** Those of the services' addresses that somebody has asked over UDP. */
export function udpDestinations(flows: readonly Flow[], services: readonly VirtualService[]): Set<string> {
  const addresses = new Set(services.map(({ address }) => address));
  const asked = flows.filter(({ original }) => original.protocol === IPPROTO_UDP);
  return new Set(asked.map(({ original }) => original.destination).filter((address) => addresses.has(address)));
}
