/** What the node publishes: from sandboxes, services and networks to ports and where each leads. Pure. */

import type { Endpoint, ServiceEndpoints } from '../../proto/generated/gantry/v1/types.ts';
import { type PortConfig, PortProtocol, PublishMode } from '../../proto/generated/gantry/v1/types.ts';
import type { NetworkRecord } from './network-record.ts';
import type { PortTarget, PublishedPort } from './ruleset.ts';
import type { Attachment, SandboxRecord } from './sandbox-record.ts';

type NetworksById = ReadonlyMap<string, NetworkRecord>;

/**
 * The attachment that the container's default route goes through: the first one on a network that isn't internal.
 * Answers to other hosts leave there, so what comes from them must arrive there.
 */
export function defaultAttachment(attachments: readonly Attachment[], networks: NetworksById): Attachment | undefined {
  return attachments.find(({ networkId }) => networks.get(networkId)?.internal === false);
}

/** Ports of one container, as long as it has a way to the outside. */
export function containerPorts(sandbox: SandboxRecord, networks: NetworksById): PublishedPort[] {
  const attachment = defaultAttachment(sandbox.attachments, networks);
  if (attachment === undefined) return [];
  return sandbox.ports.map((port) => publishedPort(port, [{ address: attachment.address, port: port.targetPort }]));
}

/** Ports that a service publishes on every node, whichever nodes its tasks are on. */
export function ingressPorts(service: ServiceEndpoints): PortConfig[] {
  return service.ports.filter((port) => port.mode === PublishMode.INGRESS && port.publishedPort > 0);
}

/** The sandbox that has an address of a network. */
export type SandboxByAddress = ReadonlyMap<string, SandboxRecord>;

export function indexByAddress(sandboxes: Iterable<SandboxRecord>): SandboxByAddress {
  const index = new Map<string, SandboxRecord>();
  for (const sandbox of sandboxes) {
    for (const { networkId, address } of sandbox.attachments) index.set(`${networkId}/${address}`, sandbox);
  }
  return index;
}

/** Where a port of the service leads on this node: every endpoint that is here, at its default attachment. */
export function ingressPort(
  service: ServiceEndpoints,
  port: PortConfig,
  networks: NetworksById,
  local: SandboxByAddress,
): PublishedPort {
  const targets = service.endpoints.flatMap((endpoint): PortTarget[] => {
    const address = endpointAddress(endpoint, networks, local);
    return address === undefined ? [] : [{ address, port: port.targetPort }];
  });
  return publishedPort(port, targets);
}

/** Undefined for an endpoint on another node, or on internal networks only. */
function endpointAddress(endpoint: Endpoint, networks: NetworksById, local: SandboxByAddress): string | undefined {
  for (const { networkId, address } of endpoint.addresses) {
    const sandbox = local.get(`${networkId}/${address}`);
    if (sandbox !== undefined) return defaultAttachment(sandbox.attachments, networks)?.address;
  }
  return undefined;
}

function publishedPort(port: PortConfig, targets: readonly PortTarget[]): PublishedPort {
  return { protocol: protocolName(port), hostIp: port.hostIp, port: port.publishedPort, targets };
}

export function protocolName(port: PortConfig): 'tcp' | 'udp' {
  return port.protocol === PortProtocol.UDP ? 'udp' : 'tcp';
}
