/** This host as the cluster describes its nodes. */
import { arch, availableParallelism, totalmem } from 'node:os';
import {
  type GenericResource,
  type NetworkConfig,
  NodeDescription,
  type NodeTls,
  type NodeWireguard,
} from '../../proto/generated/gantry/v1/types.ts';
import { TASK_FORMAT } from '../../proto/task-format.ts';

/** Architectures whose name in Go, and so in images and placement constraints, isn't Node's. */
const GO_ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  ppc64: 'ppc64le',
  mipsel: 'mipsle',
};

export interface EngineFacts {
  readonly hostname: string;
  readonly engineVersion: string;
  readonly engineLabels: Readonly<Record<string, string>>;
  readonly genericResources: readonly GenericResource[];
  /** Undefined: it has no certificate yet. */
  readonly tls: NodeTls | undefined;
  /** Undefined: nobody has looked yet. */
  readonly wireguard: NodeWireguard | undefined;
  /** Global ones of this host's own links. */
  readonly ipv6Addresses: readonly string[];
  /** Names of links that containers of macvlan networks can be on. */
  readonly links: readonly string[];
  readonly networkConfigs: readonly NetworkConfig[];
}

export function describeNode({
  hostname,
  engineVersion,
  engineLabels,
  genericResources,
  tls,
  wireguard,
  ipv6Addresses,
  links,
  networkConfigs,
}: EngineFacts): NodeDescription {
  return NodeDescription.fromPartial({
    hostname,
    platform: { os: 'linux', architecture: GO_ARCHITECTURES[arch()] ?? arch() },
    resources: { nanoCpus: availableParallelism() * 1e9, memoryBytes: totalmem(), pids: 0 },
    engineVersion,
    engineLabels: { ...engineLabels },
    genericResources: [...genericResources],
    tls,
    wireguard,
    ipv6Addresses: [...ipv6Addresses],
    links: [...links],
    networkConfigs: [...networkConfigs],
    taskFormat: TASK_FORMAT,
  });
}
