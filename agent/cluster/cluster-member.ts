/** What runs on a node while it is in a cluster: the worker, its session with a manager, and on some nodes a manager. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { grpcTarget, parseNodeAddress } from '../../proto/address.ts';
import { connectClient, unary } from '../../proto/client.ts';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import { type ClusterInspectResponse, ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import type {
  BuildKnownRequest,
  BuildKnownResponse,
  ImageHolder,
  NodeImage,
  TaskStatusUpdate,
} from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { NodeDescription, NodeTls } from '../../proto/generated/gantry/v1/types.ts';
import { identityDir, loadIdentity, saveIdentity, saveTrust } from '../../proto/identity-files.ts';
import { tlsOf } from '../../proto/root-certificates.ts';
import type { NodeIdentity } from '../../proto/tls.ts';
import type { ClusterServiceOptions, MemberView } from '../engine/cluster-service.ts';
import { describeNode } from '../session/node-description.ts';
import { Session, type SessionState } from '../session/session.ts';
import { tunnelMethods } from '../session/tunnel.ts';
import { AssignmentApplier } from '../worker/assignment-applier.ts';
import { AssignmentFile } from '../worker/assignment-file.ts';
import { Worker } from '../worker/worker.ts';
import { managerSocket } from './manager-client.ts';
import { authorityEndpoints, sessionEndpoints } from './manager-endpoints.ts';
import { ManagerRole } from './manager-role.ts';
import { ManagerSupervisor } from './manager-supervisor.ts';
import type { Membership, MembershipFile } from './membership.ts';
import { renewedIdentity } from './renewal.ts';
import { explainTlsFailure } from './tls-failure.ts';
import { Upkeep } from './upkeep.ts';

const INSPECT_RETRY_MS = 50;
/** A manager that ends this often while it is waited for won't come up. */
const MAX_EXITS = 3;

export class ClusterMember implements MemberView {
  readonly #options: ClusterServiceOptions;
  readonly #file: MembershipFile;
  /** As the node was when it started; what may change is in the file. */
  /** How this node stood with its authority when nothing was under way. */
  #tls: NodeTls | undefined;
  readonly #membership: Membership;
  readonly #worker: Worker;
  readonly #applier: AssignmentApplier;
  readonly #session: Session;
  readonly #manager: ManagerRole;
  readonly #upkeep: Upkeep;
  readonly #endSession = new AbortController();
  readonly #endUpkeep = new AbortController();
  readonly #endServing = new AbortController();
  #running:
    | { readonly session: Promise<void>; readonly upkeep: Promise<void>; readonly serving: Promise<void> }
    | undefined;

  constructor(options: ClusterServiceOptions, file: MembershipFile, membership: Membership, version: string) {
    const { dataRoot, containers, images, imageSource, networks, logger } = options;
    const dir = workerDir(dataRoot);
    const workerLogger = logger.child({ component: 'worker' });
    this.#options = options;
    this.#file = file;
    this.#membership = membership;
    const aloneSinceMs = () => (this.#session.state.connected ? undefined : this.#session.state.sinceMs);
    const node = describe(options, version, undefined);
    this.#worker = new Worker({
      ...{ dir, containers, images, imageSource, node, aloneSinceMs },
      logger: workerLogger,
      now: Date.now,
    });
    const networksFile = new AssignmentFile(join(dir, 'networks.json'), workerLogger);
    this.#applier = new AssignmentApplier({ worker: this.#worker, networks, file: networksFile, logger: workerLogger });
    this.#manager = new ManagerRole({ dataRoot, makeSupervisor: () => this.#makeSupervisor() });
    this.#upkeep = this.#makeUpkeep();
    this.#session = this.#makeSession(version);
  }

  get nodeId(): string {
    return this.#membership.nodeId;
  }

  taskStatuses(): TaskStatusUpdate[] {
    return this.#worker.statuses();
  }

  async neededImages(images: readonly NodeImage[]): Promise<ReadonlySet<string>> {
    return await this.#session.neededImages(images);
  }

  async imageHolders(image: string): Promise<readonly ImageHolder[]> {
    return await this.#session.imageHolders(image);
  }

  async knownBuilds(build: BuildKnownRequest): Promise<readonly BuildKnownResponse[]> {
    return await this.#session.knownBuilds(build);
  }

  get identity(): NodeIdentity | undefined {
    return this.#identity();
  }

  get sessionState(): SessionState {
    return this.#session.state;
  }

  /** Picks up this node's tasks, and starts manager and session without waiting for either. */
  async start(): Promise<void> {
    await this.#applier.start();
    if (this.#current.manager) this.#manager.start();
    // Of a demotion that was cut off.
    else await this.#manager.forget();
    this.#running = {
      session: this.#session.run(this.#endSession.signal),
      upkeep: this.#upkeep.run(this.#endUpkeep.signal),
      serving: this.#options.serveImages(
        {
          advertiseAddr: this.#membership.advertiseAddr,
          identity: () => this.#identity(),
          isMember: (nodeId) => this.#session.isMember(nodeId),
        },
        this.#endServing.signal,
      ),
    };
  }

  /**
   * Resolves once this node's manager, if it has one, answers, and a manager has taken the node in. UNAVAILABLE after
   * `timeoutMs`, when `signal` aborts, or when the manager ends time and again.
   */
  async whenJoined(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const over = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    for (;;) {
      const answer = this.#current.manager ? await this.inspect() : undefined;
      if (!(answer instanceof GantryError) && this.#session.state.connected) return;
      if (over.aborted || this.#manager.failures.exits >= MAX_EXITS) throw this.#notJoined(answer);
      await sleep(INSPECT_RETRY_MS);
    }
  }

  /** What this node's own manager says of the cluster. */
  async inspect(): Promise<ClusterInspectResponse | GantryError> {
    const client = connectClient(ControlClient, { kind: 'unix', path: managerSocket(this.#options.execRoot) });
    try {
      return await unary<ClusterInspectResponse>((done) => client.clusterInspect({}, done));
    } catch (error) {
      return toGantryError(error);
    } finally {
      client.close();
    }
  }

  /** Runs `action` while this node's manager is down; however that ends, the manager comes up again. */
  async withoutManager(action: () => Promise<void>): Promise<void> {
    await this.#manager.stop();
    try {
      await action();
    } finally {
      this.#manager.start();
    }
  }

  /** Ends upkeep, session, worker and manager, in this order; containers go on. Idempotent. */
  async stop(): Promise<void> {
    await this.stopUpkeep();
    this.#endServing.abort();
    await this.#running?.serving;
    await this.#stopSession();
    await this.#worker.close();
    await this.#manager.stop();
  }

  /** The node stays what it is from now on. For leaving, first of all. */
  async stopUpkeep(): Promise<void> {
    this.#endUpkeep.abort();
    await this.#running?.upkeep;
  }

  /** Says that the node leaves, and removes all that the cluster has put on it: tasks, networks, names. */
  async removeTasks(signal: AbortSignal): Promise<void> {
    const { networks } = this.#options;
    await this.#session.leave();
    await this.#stopSession();
    await this.#worker.removeAll(signal);
    await networks.applyEndpoints([]);
    await networks.applyAttached([]);
    await networks.applyNetworks([], []);
  }

  async #stopSession(): Promise<void> {
    this.#endSession.abort();
    await this.#running?.session;
    await this.#applier.close();
  }

  get #current(): Membership {
    return this.#file.current ?? this.#membership;
  }

  #identity(): NodeIdentity | undefined {
    return loadIdentity(identityDir(this.#options.dataRoot));
  }

  #standing(rotationStartedAtMs: number): NodeTls | undefined {
    const identity = this.#identity();
    return identity && { ...tlsOf(identity), rotationStartedAtMs };
  }

  #makeSession(version: string): Session {
    const { execRoot, handlers, images, volumes, networks, logger } = this.#options;
    return new Session({
      nodeId: this.#membership.nodeId,
      description: () => {
        return describe(this.#options, version, this.#tls ?? this.#standing(0));
      },
      address: this.#membership.advertiseAddr,
      endpoints: () => sessionEndpoints(this.#current, execRoot, this.#identity()),
      explain: (error, address) => explainTlsFailure(error, address, Date.now()),
      onMembership: (told) => this.#upkeep.receive(told),
      worker: this.#worker,
      applier: this.#applier,
      images,
      volumes,
      networks,
      methods: tunnelMethods(handlers),
      logger: logger.child({ component: 'session' }),
      random: Math.random,
      now: Date.now,
    });
  }

  #makeSupervisor(): ManagerSupervisor {
    const { dataRoot, execRoot, store, managerMetricsAddr, logger } = this.#options;
    const { nodeId } = this.#membership;
    const command = () => {
      const advertiseAddr = grpcTarget(parseNodeAddress(this.#membership.advertiseAddr));
      const others = this.#current.managers.filter((manager) => manager.nodeId !== nodeId);
      const join = others.map(({ address }) => address);
      const process = { dataRoot, execRoot, nodeId, logLevel: logger.level, metricsAddr: managerMetricsAddr };
      return { ...process, advertiseAddr, join, store };
    };
    const supervisorLogger = logger.child({ component: 'supervisor' });
    return new ManagerSupervisor({ command, logger: supervisorLogger, random: Math.random, now: Date.now });
  }

  #makeUpkeep(): Upkeep {
    const { dataRoot, logger } = this.#options;
    const actions = {
      identity: () => this.#identity(),
      report: (rotationStartedAtMs: number) => {
        this.#tls = this.#standing(rotationStartedAtMs);
        this.#session.describe();
      },
      trust: (rootCertificates: string) => saveTrust(identityDir(dataRoot), rootCertificates),
      renew: async (isWanted: () => boolean) => {
        const identity = this.#identity();
        if (identity === undefined) throw new GantryError('CORRUPT', 'this node has no identity to renew');
        const endpoints = authorityEndpoints(this.#current, identity);
        const renewed = await renewedIdentity(identity, endpoints, Date.now());
        if (isWanted()) await saveIdentity(identityDir(dataRoot), renewed);
      },
      // On disk first: from then on the next agent does the rest.
      startManager: async () => {
        await this.#file.update({ manager: true });
        this.#manager.start();
      },
      stopManager: async () => {
        await this.#file.update({ manager: false });
        await this.#manager.stop();
        await this.#manager.forget();
      },
    };
    return new Upkeep({
      file: this.#file,
      actions,
      logger: logger.child({ component: 'upkeep' }),
      random: Math.random,
      now: Date.now,
    });
  }

  #notJoined(answer: ClusterInspectResponse | GantryError | undefined): GantryError {
    if (!this.#current.manager) {
      const { state } = this.#session;
      return new GantryError('UNAVAILABLE', `no manager has taken this node in: ${state.connected ? '' : state.error}`);
    }
    const { lastExit } = this.#manager.failures;
    const reason = lastExit === '' ? 'it does not answer' : `it ended: ${lastExit}`;
    return new GantryError('UNAVAILABLE', `the manager of this node did not come up: ${reason}`, {
      hint: 'its own words are in the log of gantryd',
      cause: answer,
    });
  }
}

/** The worker's records; removed when the node leaves its cluster. */
export function workerDir(dataRoot: string): string {
  return join(dataRoot, 'worker');
}

function describe(options: ClusterServiceOptions, engineVersion: string, tls: NodeTls | undefined): NodeDescription {
  const { nodeName, engineLabels, genericResources, networks } = options;
  const facts = { hostname: nodeName, engineVersion, engineLabels, genericResources, tls };
  return describeNode({
    ...facts,
    wireguard: networks.describeWireguard(),
    ipv6Addresses: networks.ipv6Addresses(),
    links: networks.possibleParents(),
    networkConfigs: networks.networkConfigs(),
  });
}
