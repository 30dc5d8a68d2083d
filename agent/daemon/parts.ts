/** The parts of one gantryd, made and put together. Nothing is started here but what reads its own files. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { initBinaryPath, native, runtimeBinaryPath } from '../../native/addon/native.ts';
import type { GenericResource } from '../../proto/generated/gantry/v1/types.ts';
import { ImageBuilder } from '../build/image-builder.ts';
import { ContainerStepRunner } from '../build/step-runner.ts';
import { ClusterNode } from '../cluster/cluster-node.ts';
import type { DaemonOptions } from '../config/options.ts';
import { withCdiGpus } from '../container/cdi/cdi-gpus.ts';
import { CgroupLock, findOwnProcs } from '../container/cgroup-lock.ts';
import { ContainerEngine } from '../container/container-engine.ts';
import { type Roots, runtimeRoot } from '../container/container-paths.ts';
import type { HostFacts } from '../container/spec/host-facts.ts';
import { readHostFacts } from '../container/spec/host-facts.ts';
import type { EngineHandlers } from '../engine/api.ts';
import type { ClusterService } from '../engine/cluster-service.ts';
import { createEngineHandlers } from '../engine/handlers.ts';
import { readSystemFacts, type SystemFacts } from '../engine/system-facts.ts';
import { DiskUsage } from '../image/disk-usage.ts';
import { HighWaterMark } from '../image/high-water.ts';
import { ImageStore } from '../image/image-store.ts';
import { ImageUses } from '../image/image-uses.ts';
import { SnapshotStore } from '../image/snapshot-store.ts';
import { LogForwarders } from '../log/log-forwarders.ts';
import { readLogs } from '../log/log-reader.ts';
import type { AgentMetrics } from '../metrics/agent-metrics.ts';
import { NetworkEngine } from '../network/engine.ts';
import { PeerImages } from '../registry/peer-images.ts';
import { Registries } from '../registry/registries.ts';
import { RegistryConnector, STALL_MS } from '../registry/registry-connector.ts';
import { REAL_CLOCK } from '../registry/retry.ts';
import { servePeers } from '../registry-server/peer-server.ts';
import { RegistryServer } from '../registry-server/registry-server.ts';
import { ShimLauncher } from '../shim/launcher.ts';
import { VolumeStore } from '../volume/volume-store.ts';

export interface DaemonParts {
  readonly images: ImageStore;
  readonly snapshots: SnapshotStore;
  readonly networks: NetworkEngine;
  readonly containers: ContainerEngine;
  readonly logForwarding: LogForwarders;
  readonly builder: ImageBuilder;
  readonly handlers: EngineHandlers;
  readonly cluster: ClusterService;
  readonly volumes: VolumeStore;
  readonly uses: ImageUses;
  readonly highWater: HighWaterMark;
  readonly registryServer: RegistryServer;
}

export interface PartsOptions {
  readonly options: DaemonOptions;
  readonly logger: Logger;
  readonly metrics: AgentMetrics;
  readonly onSystemStop: () => Promise<void>;
}

export function makeParts({ options, logger, metrics, onSystemStop }: PartsOptions): DaemonParts {
  const { dataRoot, execRoot, name, labels, genericResources, advertiseAddr, store, managerMetricsAddr } = options;
  const roots: Roots = { dataRoot, execRoot, runtime: runtimeBinaryPath() };
  const shared = { clock: Date.now, random: randomBytes, logger, native };
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const host = readHostFacts();
  const facts = readSystemFacts({ nodeName: name, dataRoot, execRoot, host, programRoot: programRoot() });
  const images = new ImageStore({ ...shared, dir: dataRoot });
  const snapshots = new SnapshotStore({ ...shared, dir: dataRoot, images });
  const networks = makeNetworks(shared, options, facts);
  const volumes = new VolumeStore({ ...shared, dir: join(dataRoot, 'volumes') });
  const shims = new ShimLauncher({ runtimeBinary: roots.runtime, native, logger });
  const logForwarding = new LogForwarders({
    hostname: hostname(),
    ...{ native, random: randomBytes },
    logger: logger.child({ component: 'logs' }),
  });
  const containers = new ContainerEngine({
    ...{ roots, images, snapshots, volumes, networks, shims, native, host },
    initPath: initBinaryPath(),
    readLog: readLogs,
    logForwarding,
    cgroupLock: new CgroupLock(findOwnProcs(), logger),
    bootId,
    random: randomBytes,
    now: Date.now,
    metrics,
    logger: logger.child({ component: 'containers' }),
  });
  const peers = new PeerImages({ cluster: () => cluster.member, clock: REAL_CLOCK, chance: Math.random, logger });
  const registries = makeRegistries(options, images, peers, logger);
  const member = () => cluster.member;
  const builder = makeBuilder({
    ...shared,
    bootId,
    roots,
    images,
    snapshots,
    networks,
    shims,
    host,
    registries,
    member,
  });
  const usage = new DiskUsage(images, snapshots);
  const handlers = createEngineHandlers({ containers, images, usage, networks, volumes, builder, registries, facts });
  const cluster: ClusterService = new ClusterNode({
    ...{
      dataRoot,
      execRoot,
      nodeName: name,
      engineLabels: labels,
      genericResources: announced(genericResources, logger),
      advertiseAddr,
      store,
      managerMetricsAddr,
      containers,
      images,
      imageSource: registries,
      volumes,
      networks,
      handlers,
      onSystemStop,
    },
    serveImages: (node, signal) => servePeers({ images, arrivals: registries.arrivals, logger }, node, signal),
    logger: logger.child({ component: 'cluster' }),
  });
  const imageLogger = logger.child({ component: 'images' });
  const uses = new ImageUses(dataRoot, imageLogger);
  const highWater = new HighWaterMark({
    ...{ dir: dataRoot, highPercent: options.imageGcHigh, images, uses, containers, buildCache: builder },
    neededImages: async (some) => (await cluster.member?.neededImages(some)) ?? new Set(),
    clock: Date.now,
    logger: imageLogger,
  });
  const registryServer = new RegistryServer({
    ...{ options: options.registryServer, dir: dataRoot, images, now: Date.now, random: randomBytes, logger },
    names: [name],
  });
  const parts = { images, snapshots, networks, containers, builder, handlers, cluster, volumes, uses, highWater };
  return { ...parts, logForwarding, registryServer };
}

/** A file of somebody else's keeps no host from starting. */
function announced(given: readonly GenericResource[], logger: Logger): readonly GenericResource[] {
  try {
    return withCdiGpus(given);
  } catch (error) {
    logger.warn({ err: error }, 'GPUs that CDI files describe are not announced');
    return given;
  }
}

interface Shared {
  readonly clock: () => number;
  readonly random: typeof randomBytes;
  readonly logger: Logger;
  readonly native: typeof native;
}

function makeNetworks(shared: Shared, { dataRoot, execRoot }: DaemonOptions, { engineId }: SystemFacts): NetworkEngine {
  const directories = { dataDir: join(dataRoot, 'network'), execDir: join(execRoot, 'network') };
  return new NetworkEngine({ ...shared, ...directories, instance: engineId });
}

function makeRegistries(
  { registries: settings }: DaemonOptions,
  images: ImageStore,
  peers: PeerImages,
  logger: Logger,
): Registries {
  const connector = new RegistryConnector({ settings, env: process.env, clock: REAL_CLOCK, stallMs: STALL_MS });
  return new Registries({ images, connector, peers, clock: REAL_CLOCK, logger });
}

interface BuilderParts extends Shared {
  readonly bootId: string;
  readonly roots: Roots;
  readonly images: ImageStore;
  readonly snapshots: SnapshotStore;
  readonly networks: NetworkEngine;
  readonly shims: ShimLauncher;
  readonly host: HostFacts;
  readonly registries: Registries;
  readonly member: () => ClusterService['member'];
}

function makeBuilder({
  roots,
  images,
  snapshots,
  networks,
  shims,
  host,
  registries,
  member,
  ...shared
}: BuilderParts): ImageBuilder {
  const { execRoot, dataRoot, runtime } = roots;
  const runner = new ContainerStepRunner({
    ...{ execRoot, runtime, runtimeRoot: runtimeRoot(execRoot), shims, networks, host },
    ...shared,
  });
  return new ImageBuilder({
    ...shared,
    dir: dataRoot,
    images,
    snapshots,
    runner,
    bases: registries,
    cacheTarget: registries,
    cluster: member,
  });
}

/** The directory of package.json: of a checkout, or of an installation, which has no .git. */
function programRoot(): string {
  return join(runtimeBinaryPath(), '../../..');
}
