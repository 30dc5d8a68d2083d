/** Networks, and who is on them, as the API shows them. Pure. */
import type { LocalNetwork, NetworkEndpoint } from '../../proto/generated/gantry/v1/engine.ts';
import { parseSubnet6 } from '../../proto/ipv6/subnet6.ts';
import type { NetworkRecord } from './network-record.ts';
import { displayName, macAddressOf, type SandboxRecord } from './sandbox-record.ts';
import { parseSubnet } from './subnet.ts';

/** The network as the API shows it. */
export function describeNetwork(record: NetworkRecord): LocalNetwork {
  const { id, name, driver, subnet, gateway, internal, cluster, createdAtMs } = record;
  const [range = subnet] = record.blocks;
  return {
    id,
    name,
    driver,
    subnet,
    gateway,
    internal,
    cluster,
    createdAtMs,
    attachable: record.attachable ?? false,
    ipRange: cluster || range === subnet ? '' : range,
    labels: { ...record.labels },
    driverOpts: { ...record.driverOpts },
    auxAddresses: { ...record.auxAddresses },
    ipv6Subnet: record.ipv6?.subnet ?? '',
    ipv6Gateway: record.ipv6?.gateway ?? '',
    ipv6Range: record.ipv6 === undefined || record.ipv6.range === record.ipv6.subnet ? '' : record.ipv6.range,
    configOnly: record.configOnly ?? false,
    configFrom: record.configFrom ?? '',
  };
}

/** As its containers have it; 0 where they have none. */
export function ipv6PrefixLength({ ipv6, overlay }: Pick<NetworkRecord, 'ipv6' | 'overlay'>): number {
  if (ipv6 === undefined) return 0;
  return overlay === undefined ? parseSubnet6(ipv6.subnet).prefixLength : 128;
}

/** The containers that are on the network. */
export function endpointsOf(network: NetworkRecord, sandboxes: Iterable<SandboxRecord>): NetworkEndpoint[] {
  const ready = [...sandboxes].filter((sandbox) => sandbox.ready);
  return ready.flatMap((sandbox) =>
    sandbox.attachments
      .filter(({ networkId }) => networkId === network.id)
      .map((attachment) => ({
        containerId: sandbox.request.containerId,
        containerName: displayName(sandbox),
        address: attachment.address,
        prefixLength: network.overlay === undefined ? parseSubnet(network.subnet).prefixLength : 32,
        macAddress: macAddressOf(attachment),
        taskId: '',
        ipv6Address: attachment.ipv6 ?? '',
        ipv6PrefixLength: ipv6PrefixLength(network),
      })),
  );
}
