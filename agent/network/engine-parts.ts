/** The parts that the networks of one host are made of, and how they hold together. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Native } from '../../native/addon/native.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import { ClusterNetworks } from './cluster-networks.ts';
import { ContainerPorts } from './container-ports.ts';
import { HostResolvConf } from './dns/host-resolv-conf.ts';
import { NameServers } from './dns/name-servers.ts';
import { Encryption } from './encryption/encryption.ts';
import { HostFirewall } from './firewall/host-firewall.ts';
import { Healer } from './healing/healer.ts';
import { HostLinks } from './host-links.ts';
import { Ingress } from './ingress/ingress.ts';
import { OwnAddresses6 } from './ipv6/own-addresses6.ts';
import { KeyedLock } from './keyed-lock.ts';
import { linkPrefix } from './link-names.ts';
import { LocalNetworks } from './local-networks.ts';
import { MacvlanHost } from './macvlan/macvlan-host.ts';
import { Parents } from './macvlan/parents.ts';
import { NetworkModel } from './model.ts';
import { enableNeededForwarding } from './needed-forwarding.ts';
import { Overlays } from './overlay/overlays.ts';
import { OwnTransactions } from './own-tables.ts';
import { PortReservations } from './port-reservations.ts';
import { Publishing } from './publishing.ts';
import { needsBridge, Recovery } from './recovery.ts';
import { tableName } from './ruleset.ts';
import { SandboxBuilder } from './sandbox-builder.ts';
import { Sandboxes } from './sandboxes.ts';
import { NetworkStore } from './store.ts';
import { VirtualIps } from './vip/virtual-ips.ts';

export interface NetworkEngineOptions {
  /** DATA_ROOT/network */
  readonly dataDir: string;
  /** EXEC_ROOT/network */
  readonly execDir: string;
  /** Unique per gantryd, [a-z0-9]+: names its links and its nftables table. */
  readonly instance: string;
  readonly native: Native;
  /** Milliseconds since the Unix epoch. */
  readonly clock: () => number;
  readonly random: RandomBytes;
  readonly logger: Logger;
  /** Name servers to send queries on to; without them those in the host's resolv.conf. */
  readonly upstream?: readonly string[];
}

export type EngineParts = ReturnType<typeof assemble>;

/** Without effects. */
export function assemble(options: NetworkEngineOptions) {
  const kernel = kernelParts(options);
  const rules = ruleParts(options, kernel);
  const networks = networkParts(options, kernel, rules);
  const containers = containerParts(options, kernel, rules, networks);
  const { healer, recovery } = upkeepParts(options, kernel, rules, networks, containers);
  return { ...kernel, ...rules, ...networks, ...containers, healer, recovery };
}

/** What is known, and what makes it so in the kernel. */
function kernelParts({ dataDir, execDir, instance, native, logger }: NetworkEngineOptions) {
  const store = new NetworkStore(dataDir, logger);
  const model = new NetworkModel(instance);
  const links = new HostLinks(native, instance);
  const parents = new Parents(instance, links);
  const encryption = new Encryption({ dataDir, execDir: join(execDir, 'encryption'), native, links, logger });
  const overlays = new Overlays(instance, links, encryption);
  const ingress = new Ingress(instance, links);
  const hostResolvConf = new HostResolvConf();
  const builder = new SandboxBuilder({ instance, execDir, native, model, links, parents, hostResolvConf });
  const macvlanHost = new MacvlanHost({ instance, native, model, links, store, logger });
  const { configs } = macvlanHost;
  const ownAddresses6 = new OwnAddresses6({ native, links, logger });
  const enableForwarding = () => enableNeededForwarding(instance, model, store);
  return {
    ...{ store, model, links, parents, encryption, overlays, ingress, hostResolvConf, builder, ownAddresses6 },
    ...{ macvlanHost, configs, enableForwarding },
  };
}

type KernelParts = ReturnType<typeof kernelParts>;

/** nftables, and the sockets that hold published ports. */
function ruleParts({ instance, native, logger }: NetworkEngineOptions, { model, links, ingress }: KernelParts) {
  const transactions = new OwnTransactions(native, `${tableName(instance)}-hold`);
  const reservations: PortReservations = new PortReservations((port) =>
    publishing.relayTarget(port.hostIp, port.publishedPort),
  );
  const publishing = new Publishing({ instance, transactions, model, links, reservations, ingress, logger });
  /** Of IPv4, and of IPv6. */
  const virtualIps = (['ip', 'ip6'] as const).map(
    (family) => new VirtualIps({ instance, model, links, transactions, family }),
  );
  const hasIpv6 = () => model.bridgeRules6().length > 0 || model.ingressFamilies().includes('ip6');
  const firewall = new HostFirewall({ instance, native, hasIpv6, logger });
  return { transactions, reservations, publishing, virtualIps, firewall };
}

type RuleParts = ReturnType<typeof ruleParts>;

function networkParts(
  { instance, random, clock }: NetworkEngineOptions,
  kernel: KernelParts,
  { publishing }: RuleParts,
) {
  /** What is done to "networks" is done one after the other, and so is what is done to "services". */
  const lock = new KeyedLock();
  const clusterNetworks = new ClusterNetworks(kernel);
  const localNetworks = new LocalNetworks({ ...kernel, publishing, ownPrefix: linkPrefix(instance), random, clock });
  return { lock, clusterNetworks, localNetworks };
}

type NetworkParts = ReturnType<typeof networkParts>;

function containerParts(
  { native, random, upstream, logger }: NetworkEngineOptions,
  { model, store, builder, hostResolvConf }: KernelParts,
  { reservations, publishing }: RuleParts,
  { lock, clusterNetworks }: NetworkParts,
) {
  const ports = new ContainerPorts({ model, reservations, logger });
  const pathOf = (containerId: string) => builder.namespaces.pathOf(containerId);
  const nameServers = new NameServers({ native, model, hostResolvConf, upstream, pathOf, random, logger });
  const removeRetired = async () => {
    if (clusterNetworks.hasRetired) await lock.run('networks', () => clusterNetworks.removeRetired());
  };
  const sandboxes = new Sandboxes({
    ...{ model, store, builder, publishing, reservations, ports, nameServers },
    ...{ removeRetired, logger },
  });
  return { nameServers, sandboxes };
}

function upkeepParts(
  { instance, native, clock, logger }: NetworkEngineOptions,
  kernel: KernelParts,
  rules: RuleParts,
  { lock }: NetworkParts,
  { sandboxes }: ReturnType<typeof containerParts>,
) {
  const { model } = kernel;
  const recovery = new Recovery({ ...kernel, instance, sandboxes, clock, logger });
  const healer = new Healer({
    ...kernel,
    ...rules,
    ...{ instance, native, logger },
    lockNetworks: (action) => lock.run('networks', action),
    lockContainer: (containerId, action) => sandboxes.lock(containerId, action),
    needsBridge: (network) => needsBridge(model, network),
  });
  return { recovery, healer };
}
