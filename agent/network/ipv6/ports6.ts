/** Published ports on IPv6: which there are, and where they lead. Pure. */
import { GantryError } from '../../../proto/errors.ts';
import type { PortConfig } from '../../../proto/generated/gantry/v1/types.ts';
import { formatIpv6, requireIpv6 } from '../../../proto/ipv6/subnet6.ts';
import { protocolName } from '../../../proto/port-protocol.ts';
import type { NetworkRecord } from '../network-record.ts';
import type { PublishedPort } from '../rules/port-rules.ts';
import { ALL_ADDRESSES6 } from '../rules/rule-family.ts';
import type { Attachment, SandboxRecord } from '../sandbox-record.ts';

export type Attachment6 = Attachment & { readonly ipv6: string };
type NetworksById = ReadonlyMap<string, NetworkRecord>;

/** The attachment that the container's IPv6 default route goes through: the first one with IPv6 that isn't internal. */
export function defaultAttachment6(
  attachments: readonly Attachment[],
  networks: NetworksById,
): Attachment6 | undefined {
  for (const attachment of attachments) {
    const { ipv6, networkId } = attachment;
    if (ipv6 !== undefined && networks.get(networkId)?.internal === false) return { ...attachment, ipv6 };
  }
  return undefined;
}

export function isOnIpv6({ hostIp }: Pick<PortConfig, 'hostIp'>): boolean {
  return hostIp.includes(':');
}

/**
 * The ports to be reserved for a container. As with Docker, a port on no particular address is two where the container has
 * IPv6: on all addresses of IPv4, and, right behind it, on all of IPv6. Throws INVALID_ARGUMENT for one that it can't have.
 */
export function portsOfBoth(ports: readonly PortConfig[], hasIpv6: boolean): PortConfig[] {
  return ports.flatMap((port) => {
    if (port.hostIp === '') return hasIpv6 ? [port, { ...port, hostIp: ALL_ADDRESSES6 }] : [port];
    if (!isOnIpv6(port)) return [port];
    if (hasIpv6) return [{ ...port, hostIp: formatIpv6(requireIpv6(port.hostIp)) }];
    throw new GantryError('INVALID_ARGUMENT', `port ${port.targetPort} can't be published on [${port.hostIp}]`, {
      hint: "the container has no IPv6 address to the outside: put it on a network made with 'gantry network create --ipv6'",
    });
  });
}

/** The second of a pair: it is on the port that the kernel has chosen for the first. */
export function isSecondOfPair(port: PortConfig, before: PortConfig | undefined): boolean {
  return (
    port.hostIp === ALL_ADDRESSES6 &&
    before?.hostIp === '' &&
    before.targetPort === port.targetPort &&
    before.protocol === port.protocol
  );
}

/** Ports of one container on IPv6, as long as it has a way to the outside. */
export function containerPorts6(sandbox: SandboxRecord, networks: NetworksById): PublishedPort[] {
  const attachment = defaultAttachment6(sandbox.attachments, networks);
  if (attachment === undefined) return [];
  return sandbox.ports.filter(isOnIpv6).map((port) => ({
    protocol: protocolName(port.protocol),
    hostIp: port.hostIp,
    port: port.publishedPort,
    targets: [{ kind: 'container', address: attachment.ipv6, port: port.targetPort }],
    here: [],
  }));
}
