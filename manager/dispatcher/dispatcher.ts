/** The sessions of all agents: tells each what it must run, takes what is so, and notices when one falls silent. */
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import type {
  BuildKnownResponse,
  ImageHolder,
  ImageHoldersRequest,
  KnownBuildsRequest,
  ManagerAddress,
  Membership,
  NodeImage,
  NodeVolumes,
  SessionHello,
  SessionRequest,
  SessionResponse,
  TunnelFrame,
} from '../../proto/generated/gantry/v1/dispatcher.ts';
import { Node, type NodeDescription, NodeState } from '../../proto/generated/gantry/v1/types.ts';
import { newObjectId, type RandomBytes } from '../../proto/ids.ts';
import { authorityNotice } from '../ca/notice.ts';
import type { Clock } from '../clock.ts';
import type { Caller } from '../forwarding/caller.ts';
import { ImagePulls } from '../images/image-pulls.ts';
import { askKnownBuilds } from '../images/known-builds.ts';
import { neededImages } from '../images/needed-images.ts';
import { fullImageName, type NodeImages } from '../images/node-images.ts';
import type { Store } from '../store/store.ts';
import type { StoreEvent } from '../store/watch.ts';
import type { Turns } from '../turns.ts';
import { unpinVolumes } from '../volumes/pins.ts';
import { AssignmentSource } from './assignment-source.ts';
import { Liveness } from './liveness.ts';
import { describeAnew, markDown, registerNode } from './nodes.ts';
import { managersKey, type NodeView, Session } from './session.ts';
import { writeStatuses } from './statuses.ts';
import { Tunnels } from './tunnels.ts';

export interface DispatcherOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly logger: Logger;
  readonly heartbeatPeriodMs: number;
  readonly turns: Turns;
  /** Is told which images the nodes have. */
  readonly images: Pick<NodeImages, 'report' | 'forget' | 'holdersOf'>;
  /** Where the cluster's managers are. */
  managers(): readonly ManagerAddress[];
}

/** What changes without an event in the store is looked at this often. */
const LOOK_PERIOD_MS = 1000;
/** Of the sessions that are told something all at once. */
const TOLD_PER_TURN = 50;

/** About what a manager can send to all nodes together. */
const MESSAGES_PER_MS = 10;
const LONGEST_REST_MS = 100;
/** More of them make nobody faster. */
const MOST_HOLDERS = 20;

/** What the API needs of it: calls to the engines of nodes. */
export interface EngineCalls {
  /** One call of an Engine method; messages are encoded. Throws UNAVAILABLE when the node can't be reached. */
  openStream(
    nodeId: string,
    method: string,
    requests: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
}

export class Dispatcher implements EngineCalls {
  readonly #options: DispatcherOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #liveness: Liveness;
  readonly #tunnels: Tunnels;
  readonly #source: AssignmentSource;
  readonly #imagePulls = new ImagePulls();
  #isOver: boolean = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#liveness = new Liveness(options.heartbeatPeriodMs);
    this.#tunnels = new Tunnels(options.random);
    this.#source = new AssignmentSource({ ...options, sessions: this.#sessions });
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Until the signal aborts; then all sessions have ended, and there are no further ones. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await Promise.all([
        this.#source.run(signal),
        this.#followNodes(signal),
        this.#followCluster(signal),
        this.#watchLiveness(signal),
        this.#lookNowAndThen(signal),
      ]);
    } finally {
      this.#isOver = true;
      for (const session of this.#sessions.values()) session.end();
    }
  }

  /** The Session call of an agent. PERMISSION_DENIED when it isn't the agent of the node that it says. */
  async *session(
    requests: AsyncIterable<SessionRequest>,
    signal: AbortSignal,
    caller: Caller,
  ): AsyncGenerator<SessionResponse> {
    const { store, clock, random, heartbeatPeriodMs, logger } = this.#options;
    const iterator = requests[Symbol.asyncIterator]();
    const hello = await readHello(iterator);
    if (!speaksFor(caller, hello.nodeId)) {
      throw new GantryError('PERMISSION_DENIED', `session: the caller is not node ${hello.nodeId}`);
    }
    // From now on: a node that is just being found silent must not be marked down after it was registered.
    this.#liveness.begins(hello.nodeId, clock.now());
    const node = await registerNode(store, hello, clock.now());
    // It would be told nothing any more, and nobody would end it.
    if (this.#isOver) throw new GantryError('UNAVAILABLE', 'this manager does not lead any more');
    const session = new Session(newObjectId(random), hello, {
      revision: () => this.#source.revision,
      applied: (revision) => this.#source.applied(node.id, revision),
    });
    // What it has is never told: others needn't wait for it.
    if (!hello.tellsAttachments) this.#source.attached(node.id, { complete: true, put: [], removed: [] });
    // An agent that comes again has lost its old session, whether or not that has noticed.
    this.#sessions.get(node.id)?.end();
    this.#sessions.set(node.id, session);
    this.#liveness.begins(node.id, clock.now());
    const end = () => session.end();
    signal.addEventListener('abort', end, { once: true });
    // Ends with the call, and never rejects.
    void this.#read(session, iterator).finally(end);
    logger.info({ node: node.id, session: session.id }, 'session opened');
    try {
      yield { message: { $case: 'welcome', value: { sessionId: session.id, heartbeatPeriodMs, node } } };
      await this.#source.ready;
      yield* session.responses(this.#viewOf(node.id), this.#options.turns);
      // Never a good end: the agent is to look for a manager at once.
      throw new GantryError('UNAVAILABLE', 'this manager has ended the session');
    } finally {
      session.end();
      if (this.#sessions.get(node.id) === session) {
        this.#sessions.delete(node.id);
        this.#options.images.forget(node.id);
        this.#imagePulls.forget(node.id);
      }
      logger.info({ node: node.id, session: session.id }, 'session ended');
    }
  }

  #viewOf(nodeId: string): NodeView {
    return {
      membership: () => this.#membership(nodeId),
      take: (assignments) => this.#source.take(assignments),
      forget: (assignments) => this.#source.forget(assignments),
      rest: (ended) => this.#rest(ended),
    };
  }

  /**
   * Between two messages of a session, so that all together get no more of them than this manager can send: where tasks of a
   * large cluster start one by one, each would be a message to all nodes on its network.
   */
  #rest(ended: AbortSignal): Promise<void> | undefined {
    const ms = Math.min(Math.floor(this.#sessions.size / MESSAGES_PER_MS), LONGEST_REST_MS);
    return ms === 0 ? undefined : this.#options.clock.sleep(ms, ended);
  }

  /** The Tunnel call of an agent. */
  tunnel(frames: AsyncIterable<TunnelFrame>, signal: AbortSignal, caller: Caller): AsyncIterable<TunnelFrame> {
    return this.#tunnels.serve(frames, signal, (nodeId) => speaksFor(caller, nodeId));
  }

  /** Of a node's images: those that the cluster may need, by id. */
  neededImages(images: readonly NodeImage[]): string[] {
    return this.#options.store.view((read) => neededImages(read, images));
  }

  /** Who has the image that a node wants, and who brings it. PERMISSION_DENIED when it isn't that node that asks. */
  imageHolders({ nodeId, image }: ImageHoldersRequest, caller: Caller): ImageHolder[] {
    if (!speaksFor(caller, nodeId)) {
      throw new GantryError('PERMISSION_DENIED', `images: the caller is not node ${nodeId}`);
    }
    const name = fullImageName(image);
    if (name === undefined) return [];
    const complete = new Set(this.#options.images.holdersOf(image).keys());
    const bringing = this.#imagePulls.begin(name, nodeId, this.#options.clock.now());
    const others = [...complete, ...bringing.filter((id) => !complete.has(id))].filter((id) => id !== nodeId);
    return this.#options.store.view((read) =>
      others.slice(0, MOST_HOLDERS).flatMap((id) => {
        const address = read.get('node', id)?.status.address ?? '';
        return address === '' ? [] : [{ nodeId: id, address, complete: complete.has(id) }];
      }),
    );
  }

  /** What managers' hosts have built from the same. PERMISSION_DENIED when it isn't that node that asks. */
  async knownBuilds(
    { nodeId, build }: KnownBuildsRequest,
    signal: AbortSignal,
    caller: Caller,
  ): Promise<BuildKnownResponse[]> {
    if (!speaksFor(caller, nodeId)) {
      throw new GantryError('PERMISSION_DENIED', `builds: the caller is not node ${nodeId}`);
    }
    const others = this.#options.managers().filter((manager) => manager.nodeId !== nodeId);
    if (build === undefined) return [];
    return await askKnownBuilds(
      this,
      others.map((manager) => manager.nodeId),
      build,
      signal,
    );
  }

  isMember(nodeId: string): boolean {
    return this.#options.store.view((read) => read.get('node', nodeId)) !== undefined;
  }

  openStream(
    nodeId: string,
    method: string,
    requests: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    const send = (open: { readonly streamId: string; readonly method: string }) => {
      const session = this.#sessions.get(nodeId);
      if (session === undefined) {
        throw new GantryError('UNAVAILABLE', `node ${nodeId} is not connected`, {
          hint: 'see whether gantryd runs there',
        });
      }
      session.openStream(open);
    };
    return this.#tunnels.open(nodeId, method, requests, send, signal);
  }

  async #read(session: Session, requests: AsyncIterator<SessionRequest>): Promise<void> {
    try {
      for (let next = await requests.next(); next.done !== true; next = await requests.next()) {
        if (session.ended.aborted) return;
        this.#liveness.heard(session.nodeId, this.#options.clock.now());
        this.#receive(session, next.value);
      }
    } catch (error) {
      this.#options.logger.debug({ err: error, node: session.nodeId }, 'session broke off');
    }
  }

  #receive(session: Session, { message }: SessionRequest): void {
    const { store, clock, logger } = this.#options;
    if (message?.$case === 'applied') session.acknowledge(message.value.version);
    if (message?.$case === 'heartbeat') session.answerHeartbeat();
    if (message?.$case === 'leaving') this.#nodeLeaves(session);
    if (message?.$case === 'description') this.#describe(session, message.value);
    if (message?.$case === 'images') this.#options.images.report(session.nodeId, message.value);
    if (message?.$case === 'attachments') this.#source.attached(session.nodeId, message.value);
    if (message?.$case === 'volumes') this.#haveVolumes(session, message.value);
    if (message?.$case !== 'statuses') return;
    // Not awaited, so that the next batch can join the same log entry; the store keeps their order.
    writeStatuses(store, session, message.value.updates, clock.now(), logger).then(
      (strays) => {
        if (strays.length > 0) session.addStrays(strays);
      },
      (error: unknown) => {
        // The agent reports everything again in its next session.
        logger.warn({ err: error, node: session.nodeId }, 'task statuses could not be written');
        session.end();
      },
    );
  }

  /** A description that isn't written is said again in the next session. */
  #describe(session: Session, description: NodeDescription): void {
    const { store, logger } = this.#options;
    describeAnew(store, session.nodeId, description).catch((error: unknown) => {
      logger.warn({ err: error, node: session.nodeId }, 'the description of a node could not be written');
      session.end();
    });
  }

  /** What isn't written is said again in the next session. */
  #haveVolumes(session: Session, volumes: NodeVolumes): void {
    const { store, logger } = this.#options;
    session.mountedVolumes = new Set(volumes.mounted);
    unpinVolumes(store, session.nodeId, volumes).catch((error: unknown) => {
      logger.warn({ err: error, node: session.nodeId }, 'pins to the volumes of a node could not be removed');
      session.end();
    });
  }

  async #followNodes(signal: AbortSignal): Promise<void> {
    const watch = this.#options.store.watch({ kinds: ['node'] });
    try {
      while (!signal.aborted) {
        await watch.changed(signal);
        const events = watch.take();
        if (events === 'lagged') for (const session of this.#sessions.values()) session.touchMembership();
        else for (const event of events) this.#nodeChanged(event);
      }
    } finally {
      watch.close();
    }
  }

  /** Whom to trust may be another matter now. All are told, which would be a long turn. */
  async #followCluster(signal: AbortSignal): Promise<void> {
    const watch = this.#options.store.watch({ kinds: ['cluster'] });
    try {
      while (!signal.aborted) {
        await watch.changed(signal);
        const events = watch.take();
        const sessions = [...this.#sessions.values()];
        // What nodes say of themselves may be kept as a whole now: in their next sessions they say it again.
        if (events !== 'lagged' && events.some(hasNewFormat)) for (const session of sessions) session.end();
        for (let first = 0; first < sessions.length; first += TOLD_PER_TURN) {
          await this.#options.turns.next();
          for (const session of sessions.slice(first, first + TOLD_PER_TURN)) session.touchMembership();
        }
      }
    } finally {
      watch.close();
    }
  }

  /** One that was removed isn't told anything any more. */
  #nodeChanged({ change, object }: StoreEvent): void {
    const session = this.#sessions.get(object.id);
    if (change === 'remove') session?.end();
    else session?.touchMembership();
  }

  /** What a node has to know of itself, and where the managers are. */
  #membership(nodeId: string): Membership {
    const { node, cluster } = this.#options.store.view((read) => ({
      node: read.get('node', nodeId),
      cluster: read.find('cluster', { by: 'all' })[0],
    }));
    const own = node && Node.create({ id: node.id, spec: node.spec });
    return { node: own, managers: [...this.#options.managers()], authority: cluster && authorityNotice(cluster) };
  }

  async #lookNowAndThen(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(LOOK_PERIOD_MS, signal);
      this.#lookAtManagers();
      this.#source.giveUpOverdue();
    }
  }

  #lookAtManagers(): void {
    const managers = managersKey(this.#options.managers());
    // To look at all of them anew each time would be a long turn.
    for (const session of this.#sessions.values()) {
      if (session.managersTold !== managers) session.touchMembership();
    }
  }

  /** Not waiting until it has been silent for long enough. */
  #nodeLeaves(session: Session): void {
    const { store, clock, logger } = this.#options;
    this.#liveness.forget(session.nodeId);
    session.end();
    markDown(store, session.nodeId, 'it has left the cluster', clock.now()).catch((error: unknown) => {
      logger.warn({ err: error, node: session.nodeId }, 'node could not be marked down');
      this.#liveness.begins(session.nodeId, clock.now());
    });
  }

  async #watchLiveness(signal: AbortSignal): Promise<void> {
    const { store, clock, heartbeatPeriodMs, logger } = this.#options;
    for (const node of store.view((read) => read.find('node', { by: 'all' }))) {
      // The manager that led before was silent for some time itself before this one was elected.
      if (node.status.state !== NodeState.DOWN) this.#liveness.begins(node.id, clock.now() - heartbeatPeriodMs);
    }
    while (!signal.aborted) {
      // Nodes that appear meanwhile can't fall silent sooner than this.
      const deadline = Math.min(this.#liveness.nextDeadlineMs(), clock.now() + heartbeatPeriodMs);
      await clock.sleep(deadline - clock.now(), signal);
      // Timers come before what has arrived meanwhile, so after a pause of its own the manager looks at old news.
      const lateMs = clock.now() - deadline;
      if (lateMs >= heartbeatPeriodMs) this.#liveness.missed(lateMs);
      for (const nodeId of signal.aborted ? [] : this.#liveness.takeSilent(clock.now())) {
        // It has come while those before it were marked down.
        if (this.#liveness.isAwaited(nodeId)) continue;
        logger.warn({ node: nodeId }, 'node is silent');
        this.#sessions.get(nodeId)?.end();
        await markDown(store, nodeId, 'no heartbeat from its agent', clock.now()).catch((error: unknown) => {
          logger.warn({ err: error, node: nodeId }, 'node could not be marked down');
          this.#liveness.begins(nodeId, clock.now());
        });
      }
    }
  }
}

async function readHello(requests: AsyncIterator<SessionRequest>): Promise<SessionHello> {
  const first = await requests.next();
  const message = first.done === true ? undefined : first.value.message;
  if (message?.$case === 'hello') return message.value;
  throw new GantryError('INVALID_ARGUMENT', 'session: the first message must be hello');
}

function hasNewFormat({ kind, object, previous }: StoreEvent): boolean {
  return kind === 'cluster' && previous !== undefined && object.stateFormat !== previous.stateFormat;
}

/** A node speaks for itself; root on a manager may speak for any. */
function speaksFor(caller: Caller, nodeId: string): boolean {
  return caller.kind === 'administrator' || (caller.kind === 'node' && caller.nodeId === nodeId);
}
