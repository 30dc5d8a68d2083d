/** What the rest of the engine asks of networks: namespaces, addresses, names and published ports. */

import type { AssignedNetwork, AttachedContainer, NetworkPeer } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type {
  ContainerNetwork,
  LocalNetwork,
  LocalNetworkSpec,
  NetworkCheckRequest,
  NetworkCheckResponse,
  NetworkEndpoint,
  NetworkProbeResponse,
  PortConflict,
} from '../../proto/generated/gantry/v1/engine.ts';
import type {
  NetworkAttachmentConfig,
  NetworkConfig,
  NodeWireguard,
  PortConfig,
  ServiceEndpoints,
} from '../../proto/generated/gantry/v1/types.ts';

export interface SandboxRequest {
  readonly containerId: string;
  /** Empty: of a container that is no task's. Undefined: nobody but this host is to know it, or an older agent made it. */
  readonly taskId?: string;
  /** Names that resolve to this container on its networks, besides aliases: container name, short id. */
  readonly names: readonly string[];
  readonly hostname: string;
  readonly domainname: string;
  /** Network ids or local network names. Empty list: a namespace with loopback only. */
  readonly networks: readonly NetworkAttachmentConfig[];
  /** Published on this host to this container alone: `run -p` and ports in host mode. */
  readonly ports: readonly PortConfig[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** HOST:IP; the IP may be "host-gateway" */
  readonly extraHosts: readonly string[];
}

/** A container's network namespace and what is in it; outlives restarts of the container and of the agent. */
export interface Sandbox {
  /** A path that setns takes. */
  readonly netnsPath: string;
  readonly networks: readonly ContainerNetwork[];
  /** Ports as published: published_port always set. */
  readonly ports: readonly PortConfig[];
  /** Host paths of the files to be bound into the container. */
  readonly hostsPath: string;
  readonly hostnamePath: string;
  readonly resolvConfPath: string;
}

export interface Networks {
  /** Makes or finds the container's sandbox. Idempotent. PORT_IN_USE, NOT_FOUND, EXHAUSTED. */
  setup(request: SandboxRequest): Promise<Sandbox>;
  /**
   * Puts a container that runs on the networks of the request; what else it asks for is as it was. Idempotent. Undefined
   * when the container has no sandbox that is whole: its next setup makes it so. As setup, and IN_USE for an address.
   */
  reattach(request: SandboxRequest): Promise<Sandbox | undefined>;
  /** Takes the sandbox down: addresses, links, ports, names, namespace, files. Idempotent. */
  teardown(containerId: string): Promise<void>;
  /** How many connections, made to the container, wait for an answer of it; 0 for one without a sandbox. */
  unanswered(containerId: string): Promise<number>;
  /** All networks that the cluster has assigned to this node, and the other nodes on them; others it assigned before are removed once unused. */
  applyNetworks(networks: readonly AssignedNetwork[], peers: readonly NetworkPeer[]): Promise<void>;
  /** All services that this node must resolve and, for ports in ingress mode, send on. */
  applyEndpoints(services: readonly ServiceEndpoints[]): Promise<void>;
  /** All containers of other nodes, of no task, whose names containers of this node may ask for. */
  applyAttached(containers: readonly AttachedContainer[]): Promise<void>;
  /** This node's own of these. */
  attached(): AttachedContainer[];
  /** `listener` is called when those may be others, until the returned function is. */
  onAttached(listener: () => void): () => void;
  /** Whether this host can take part in encrypted networks, as seen by `recover`. */
  describeWireguard(): NodeWireguard;
  /** Global ones of this host's own links; none before `recover`. */
  ipv6Addresses(): readonly string[];
  /** `listener` is called when those are others, until the returned function is. */
  onIpv6Addresses(listener: () => void): () => void;
  /** Names of this host's links that containers could be on, as seen of late. */
  possibleParents(): readonly string[];
  /** Its config-only networks. */
  networkConfigs(): NetworkConfig[];
  /** `listener` is called when either may be others, until the returned function is. */
  onParents(listener: () => void): () => void;
  list(): Promise<LocalNetwork[]>;
  /** By id, name or beginning of an id. NOT_FOUND, AMBIGUOUS. */
  find(reference: string): LocalNetwork;
  /** Whether a container could get what is asked for: IP and MAC address, a place. INVALID_ARGUMENT, UNSUPPORTED, IN_USE, NOT_FOUND. */
  checkAttachment(attachment: NetworkAttachmentConfig): void;
  /** This node's containers that are on it. */
  endpointsOf(reference: string): NetworkEndpoint[];
  /** A network of this host alone, or a config-only one; returns its id. */
  create(spec: LocalNetworkSpec): Promise<string>;
  /** IN_USE while containers are on it. */
  remove(reference: string): Promise<void>;
  /** `gantry network doctor` on this host; the steps are in engine.proto. Leaves nothing, however it ends. */
  check(requests: AsyncIterable<NetworkCheckRequest>, signal: AbortSignal): AsyncIterable<NetworkCheckResponse>;
  /** Which of these the host can't have, and why. */
  probeNetworks(networks: readonly AssignedNetwork[]): Promise<NetworkProbeResponse>;
  probe(ports: readonly PortConfig[]): Promise<PortConflict[]>;
  /** Brings the kernel in line with what is known after a start of the agent; `live` are the containers that exist. */
  recover(live: readonly string[]): Promise<void>;
  /** Takes down everything that setup, apply… and recover made in the kernel. For `system stop`. */
  shutdown(): Promise<void>;
  /** Ends timers and sockets of this process, leaving the kernel's state for the next agent. */
  close(): Promise<void>;
}

/** What of it a node's membership of a cluster needs. */
export type ClusterNetworks = Pick<Networks, 'applyNetworks' | 'applyEndpoints' | 'applyAttached'>;
/** What managers are told of them, besides. */
export type ReportedNetworks = Pick<Networks, 'attached' | 'onAttached' | 'onIpv6Addresses' | 'onParents'>;
/** And what the node says of itself there. */
export type DescribedNetworks = Pick<
  Networks,
  'describeWireguard' | 'ipv6Addresses' | 'possibleParents' | 'networkConfigs'
>;
export type MemberNetworks = ClusterNetworks & ReportedNetworks & DescribedNetworks;
