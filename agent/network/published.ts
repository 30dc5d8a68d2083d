/** What the node publishes: from sandboxes, services and networks to ports and where each leads. Pure. */

import type { Endpoint, ServiceEndpoints } from '../../proto/generated/gantry/v1/types.ts';
import { IngressScope, type PortConfig, PublishMode } from '../../proto/generated/gantry/v1/types.ts';
import { protocolName } from '../../proto/port-protocol.ts';
import { ingressAddress6 } from './ingress/ingress6.ts';
import { defaultAttachment6, isOnIpv6 } from './ipv6/ports6.ts';
import type { NetworkRecord } from './network-record.ts';
import type { PortTarget, PublishedPort } from './rules/port-rules.ts';
import { type Attachment, addressesOf, type SandboxRecord } from './sandbox-record.ts';

type NetworksById = ReadonlyMap<string, NetworkRecord>;

/**
 * The attachment that the container's default route goes through: the first one on a network that isn't internal.
 * Answers to other hosts leave there, so what comes from them must arrive there.
 */
export function defaultAttachment(attachments: readonly Attachment[], networks: NetworksById): Attachment | undefined {
  return attachments.find(({ networkId }) => networks.get(networkId)?.internal === false);
}

/**
 * The attachment that ports of the container lead to; undefined where it has none. On a macvlan network a container isn't
 * behind its host, and its answers wouldn't come by there.
 */
export function publishedAttachment(
  attachments: readonly Attachment[],
  networks: NetworksById,
): Attachment | undefined {
  const attachment = defaultAttachment(attachments, networks);
  return attachment?.macvlan === undefined ? attachment : undefined;
}

/** Ports of one container, as long as it has a way to the outside. */
export function containerPorts(sandbox: SandboxRecord, networks: NetworksById): PublishedPort[] {
  const attachment = publishedAttachment(sandbox.attachments, networks);
  if (attachment === undefined) return [];
  const { address } = attachment;
  return sandbox.ports
    .filter(({ hostIp }) => !hostIp.includes(':'))
    .map((port) => published(port, [{ kind: 'container', address, port: port.targetPort }]));
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

/** What is known of where services' endpoints are. */
export interface Surroundings {
  readonly networks: NetworksById;
  readonly local: SandboxByAddress;
  /** Addresses of the other nodes that connections can be sent on to, by id. */
  readonly nodes: ReadonlyMap<string, string>;
}

/**
 * Where a port of the service leads: to every endpoint that is here, at its default attachment, and, unless it wants none of them, to
 * others' nodes. Of IPv6 it leads to addresses of IPv6.
 */
export function ingressPort(service: ServiceEndpoints, port: PortConfig, surroundings: Surroundings): PublishedPort {
  const { networks, local, nodes } = surroundings;
  const targets = service.endpoints.flatMap((endpoint): PortTarget[] => {
    const address = endpointAddress(endpoint, port, { networks, local });
    if (address !== undefined) return [{ kind: 'container', address, port: port.targetPort }];
    const node = service.ingressScope === IngressScope.LOCAL ? undefined : nodes.get(endpoint.nodeId);
    if (node === undefined) return [];
    return [{ kind: 'node', address: isOnIpv6(port) ? ingressAddress6(node) : node, port: port.publishedPort }];
  });
  const here = targets.filter(({ kind }) => kind === 'container');
  return { ...published(port, targets), here };
}

/**
 * Where a connection goes that another node has sent on to this one, because it had a task. When that one has just left, the
 * other node may not know yet: the task goes on until it does, and takes it. `last`: where such connections went before.
 */
export function sentOn(
  { targets, here }: Pick<PublishedPort, 'targets' | 'here'>,
  last: readonly PortTarget[],
  local: SandboxByAddress,
): readonly PortTarget[] {
  if (here.length > 0) return here;
  const addresses = new Set([...local.values()].flatMap(({ attachments }) => attachments.flatMap(addressesOf)));
  const leaving = last.filter(({ address }) => addresses.has(address));
  return leaving.length > 0 ? leaving : targets;
}

/** Undefined for an endpoint on another node, or on internal networks only. */
function endpointAddress(
  endpoint: Endpoint,
  port: PortConfig,
  { networks, local }: Pick<Surroundings, 'networks' | 'local'>,
): string | undefined {
  for (const { networkId, address } of endpoint.addresses) {
    const sandbox = local.get(`${networkId}/${address}`);
    if (sandbox === undefined) continue;
    return isOnIpv6(port)
      ? defaultAttachment6(sandbox.attachments, networks)?.ipv6
      : publishedAttachment(sandbox.attachments, networks)?.address;
  }
  return undefined;
}

/** On this node alone. */
function published(port: PortConfig, targets: readonly PortTarget[]): PublishedPort {
  return { protocol: protocolName(port.protocol), hostIp: port.hostIp, port: port.publishedPort, targets, here: [] };
}
