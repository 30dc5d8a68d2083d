/** What gantryd and the node's part in a cluster ask of each other. */
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type {
  BuildKnownRequest,
  BuildKnownResponse,
  ImageHolder,
  NodeImage,
  TaskStatusUpdate,
} from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { GenericResource } from '../../proto/generated/gantry/v1/types.ts';
import type { NodeIdentity } from '../../proto/tls.ts';
import type { StoreOptions } from '../config/options.ts';
import type { Containers } from '../container/containers.ts';
import type { Images } from '../image/images.ts';
import type { MemberNetworks } from '../network/networks.ts';
import type { ImageSource } from '../registry/image-source.ts';
import type { ServingNode } from '../registry-server/peer-server.ts';
import type { SessionState } from '../session/session.ts';
import type { ReportedVolumes } from '../volume/volumes.ts';
import type { EngineHandlers } from './api.ts';

/** A gRPC service as Server.addService takes it. */
export interface MountedService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface ClusterServiceOptions {
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly nodeName: string;
  readonly engineLabels: Readonly<Record<string, string>>;
  /** What it has that services can reserve. */
  readonly genericResources: readonly GenericResource[];
  /** IP[:PORT], or empty: the address of the default route's interface. */
  readonly advertiseAddr: string;
  /** Of the log of this node's manager. */
  readonly store: StoreOptions;
  /** IP:PORT where this node's manager shows its metrics; empty: nowhere. */
  readonly managerMetricsAddr: string;
  readonly containers: Containers;
  readonly images: Pick<Images, 'resolve' | 'report' | 'onChange'>;
  /** Where the images of tasks come from. */
  readonly imageSource: ImageSource;
  readonly volumes: ReportedVolumes;
  readonly networks: MemberNetworks;
  /** Serves this host's images to other nodes until `signal` aborts. Never rejects. */
  readonly serveImages: (node: ServingNode, signal: AbortSignal) => Promise<void>;
  /** By lower-camel method name: what a manager's tunnel calls on this host's engine. */
  readonly handlers: EngineHandlers;
  readonly logger: Logger;
  /**
   * Stops every container and takes down all networks, mounts and cgroups of this host. The caller has ended its
   * worker and its manager child first, so that nothing starts anew. Resolves when only this process is left;
   * gantryd then ends by itself, once the answers of calls in progress have been sent.
   */
  readonly onSystemStop: () => Promise<void>;
}

/** What a node shows of its part in a cluster. */
export interface MemberView {
  readonly nodeId: string;
  readonly sessionState: SessionState;
  /** Of all tasks that are assigned to it. */
  taskStatuses(): TaskStatusUpdate[];
  /** Ids of those images that the cluster may need. UNAVAILABLE while no manager can be asked. */
  neededImages(images: readonly NodeImage[]): Promise<ReadonlySet<string>>;
  /** Nodes that have an image, or bring it. UNAVAILABLE while no manager can be asked. */
  imageHolders(image: string): Promise<readonly ImageHolder[]>;
  /** What managers' hosts have built from the same. UNAVAILABLE while no manager can be asked. */
  knownBuilds(build: BuildKnownRequest): Promise<readonly BuildKnownResponse[]>;
  /** What it shows other nodes; undefined while it has no certificate yet. */
  readonly identity: NodeIdentity | undefined;
}

/** Implemented by agent/cluster's ClusterNode, whose constructor takes ClusterServiceOptions and has no effects. */
export interface ClusterService {
  /** Constant over the service's life; mounted before the socket opens. */
  services(): MountedService[];
  /** Called once, after containers.recover() and before the socket opens; doesn't wait for a manager to answer. */
  start(): Promise<void>;
  /** Undefined while this node is in no cluster. */
  readonly member: MemberView | undefined;
  /** Ends sessions, timers and the manager child; containers go on. Idempotent. */
  close(): Promise<void>;
}
