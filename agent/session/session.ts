/**
 * The node's end of the stream between it and a manager: says who it is, takes assignments, reports statuses, and
 * begins anew, with all it knows, whenever the stream breaks: with another manager at once, where there is one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelCredentials, ClientDuplexStream } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Address } from '../../proto/address.ts';
import { connectClient, send, unary } from '../../proto/client.ts';
import { errorLine, fromServiceError, GantryError, toGantryError } from '../../proto/errors.ts';
import {
  type BuildKnownRequest,
  type BuildKnownResponse,
  DispatcherClient,
  type ImageHolder,
  type ImageHoldersResponse,
  type IsMemberResponse,
  type KnownBuildsResponse,
  type Membership,
  type NeededImagesResponse,
  type NodeImage,
  type OpenStream,
  type SessionRequest,
  type SessionResponse,
  type SessionWelcome,
} from '../../proto/generated/gantry/v1/dispatcher.ts';
import { NodeDescription } from '../../proto/generated/gantry/v1/types.ts';
import type { Images } from '../image/images.ts';
import type { ReportedNetworks } from '../network/networks.ts';
import type { ReportedVolumes } from '../volume/volumes.ts';
import type { AssignmentApplier } from '../worker/assignment-applier.ts';
import type { Worker } from '../worker/worker.ts';
import { AttachmentChanges } from './attachment-changes.ts';
import { ImageChanges } from './image-changes.ts';
import { ManagerTurns } from './manager-turns.ts';
import { Silence } from './silence.ts';
import { delayOrSocket } from './socket-watch.ts';
import { StatusBatch } from './status-batch.ts';
import { serveTunnel, type TunnelMethods } from './tunnel.ts';

/** Where a manager is, and as whom to call it. */
export interface ManagerEndpoint {
  readonly address: Address;
  /** Undefined on a unix socket. */
  readonly credentials: ChannelCredentials | undefined;
}

export interface SessionOptions {
  readonly nodeId: string;
  /** The node as it is now. */
  readonly description: () => NodeDescription;
  /** The address that other nodes reach this one at. */
  readonly address: string;
  /** The managers as they are known now, the one to try first at the front. */
  readonly endpoints: () => readonly ManagerEndpoint[];
  /** What an error of the connection means for this node. */
  readonly explain: (error: GantryError, address: Address) => Promise<GantryError>;
  /** The node's place in the cluster has changed. */
  readonly onMembership: (membership: Membership) => void;
  readonly worker: Pick<Worker, 'statuses' | 'onStatus'>;
  readonly applier: Pick<AssignmentApplier, 'beginSession' | 'receive' | 'dismiss'>;
  readonly images: Pick<Images, 'report' | 'onChange'>;
  readonly volumes: ReportedVolumes;
  readonly networks: ReportedNetworks;
  readonly methods: TunnelMethods;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Statuses that change together travel together; the delay is lost on no user. */
const BATCH_DELAY_MS = 20;
/** Volumes and addresses come several at a time, and nobody waits to hear of them. */
const REPORT_DELAY_MS = 1000;
const DEFAULT_HEARTBEAT_MS = 1000;
/** A manager answers each heartbeat: after so many unanswered ones it doesn't hear this node, or isn't heard. */
const SILENT_HEARTBEATS = 3;
/** A manager ends the session as soon as it hears that the node leaves. */
const LEAVE_TIMEOUT_MS = 2000;

interface Connection {
  readonly client: DispatcherClient;
  readonly call: SessionCall;
  readonly silence: Silence;
  readonly onWelcome: () => void;
  readonly ended: AbortSignal;
}

type SessionCall = ClientDuplexStream<SessionRequest, SessionResponse>;

export type SessionState =
  | { readonly connected: true }
  /** `sinceMs`: since the epoch; from when on no manager has taken this node in. */
  | { readonly connected: false; readonly sinceMs: number; readonly error: string };

export class Session {
  readonly #options: SessionOptions;
  readonly #tunnels = new Set<Promise<void>>();
  #state: SessionState;
  #current: Pick<Connection, 'client' | 'call' | 'ended'> | undefined;
  /** What the manager was last told in that call. */
  #described: { readonly call: SessionCall; readonly description: NodeDescription } | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#state = { connected: false, sinceMs: options.now(), error: '' };
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Keeps a session until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { endpoints, applier, logger, random, now } = this.#options;
    const turns = new ManagerTurns(random);
    while (!signal.aborted) {
      const known = endpoints();
      const manager = turns.next(known);
      const failure = await this.#connect(manager, turns.patienceMs(known.length), signal, () => turns.welcomed());
      const sinceMs = this.#state.connected ? now() : this.#state.sinceMs;
      this.#state = { connected: false, sinceMs, error: errorLine(failure) };
      if (signal.aborted) break;
      if (failure.code === 'NODE_REMOVED') applier.dismiss();
      const error = manager === undefined ? failure : await this.#options.explain(failure, manager.address);
      this.#state = { connected: false, sinceMs, error: errorLine(error) };
      const delayMs = turns.delayMs(known.length);
      logger.info({ error: error.message, delayMs }, 'session with the manager ended');
      if (delayMs > 0) await delayOrSocket(localSocket(known), delayMs, signal);
    }
    await Promise.all(this.#tunnels);
  }

  /** Tells the manager what this node is, unless it is what it was told last. */
  describe(): void {
    const [current, described] = [this.#current, this.#described];
    if (current === undefined || described?.call !== current.call) return;
    const description = this.#options.description();
    if (sameDescription(description, described.description)) return;
    this.#described = { call: current.call, description };
    // One that isn't said now is in the hello of the next session.
    void write(current.call, { $case: 'description', value: description });
  }

  /** Which of these images the cluster may need, by id. UNAVAILABLE without a session, UNSUPPORTED by an older manager. */
  async neededImages(images: readonly NodeImage[]): Promise<ReadonlySet<string>> {
    const client = this.#current?.client;
    if (client === undefined) throw new GantryError('UNAVAILABLE', 'there is no session with a manager');
    const request = { images: [...images] };
    return new Set((await unary<NeededImagesResponse>((done) => client.neededImages(request, done))).ids);
  }

  /** Which other nodes have an image, or bring it. UNAVAILABLE without a session, UNSUPPORTED by an older manager. */
  async imageHolders(image: string): Promise<readonly ImageHolder[]> {
    const client = this.#current?.client;
    if (client === undefined) throw new GantryError('UNAVAILABLE', 'there is no session with a manager');
    const request = { nodeId: this.#options.nodeId, image };
    return (await unary<ImageHoldersResponse>((done) => client.imageHolders(request, done))).holders;
  }

  /** What managers' hosts have built from the same. UNAVAILABLE without a session, UNSUPPORTED by an older manager. */
  async knownBuilds(build: BuildKnownRequest): Promise<readonly BuildKnownResponse[]> {
    const client = this.#current?.client;
    if (client === undefined) throw new GantryError('UNAVAILABLE', 'there is no session with a manager');
    const request = { nodeId: this.#options.nodeId, build };
    return (await unary<KnownBuildsResponse>((done) => client.knownBuilds(request, done))).builds;
  }

  /** Whether a node is in the cluster. UNAVAILABLE without a session, UNSUPPORTED by an older manager. */
  async isMember(nodeId: string): Promise<boolean> {
    const client = this.#current?.client;
    if (client === undefined) throw new GantryError('UNAVAILABLE', 'there is no session with a manager');
    return (await unary<IsMemberResponse>((done) => client.isMember({ nodeId }, done))).member;
  }

  /** Tells the manager that this node leaves, if there is one to tell. */
  async leave(): Promise<void> {
    const current = this.#current;
    if (current === undefined || !(await write(current.call, { $case: 'leaving', value: {} }))) return;
    await elapsed(LEAVE_TIMEOUT_MS, current.ended);
  }

  /** One session from hello to its end; resolves to why it ended. */
  async #connect(
    endpoint: ManagerEndpoint | undefined,
    patienceMs: number,
    signal: AbortSignal,
    onWelcome: () => void,
  ): Promise<GantryError> {
    if (endpoint === undefined) return new GantryError('UNAVAILABLE', 'no manager of the cluster is known');
    const client = connectClient(DispatcherClient, endpoint.address, endpoint.credentials);
    const ended = new AbortController();
    const silence = new Silence(patienceMs);
    const call = client.session();
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const reading = this.#read({ client, call, silence, onWelcome, ended: ended.signal }, signal);
      // Not only the call's own end: one that hangs would keep the node from its managers for ever.
      return await Promise.race([reading, silence.fallen]);
    } finally {
      this.#current = undefined;
      silence.stop();
      ended.abort();
      signal.removeEventListener('abort', cancel);
      call.cancel();
      client.close();
    }
  }

  /** What the manager says, until it says no more; resolves to why. */
  async #read({ client, call, silence, onWelcome, ended }: Connection, signal: AbortSignal): Promise<GantryError> {
    try {
      await this.#hello(call);
      for await (const { message } of call as AsyncIterable<SessionResponse>) {
        if (ended.aborted) break;
        silence.broken();
        if (message?.$case === 'welcome') {
          onWelcome();
          this.#current = { client, call, ended };
          silence.allow(SILENT_HEARTBEATS * periodOf(message.value));
          this.#begin(call, message.value, ended);
        } else if (message?.$case === 'membership') this.#options.onMembership(message.value);
        else if (message?.$case === 'assignments') this.#options.applier.receive(message.value);
        else if (message?.$case === 'openStream') this.#openTunnel(client, message.value, signal);
      }
      return new GantryError('UNAVAILABLE', 'the manager ended the session');
    } catch (error) {
      return fromServiceError(error);
    }
  }

  #hello(call: SessionCall): Promise<boolean> {
    const { nodeId, description, address } = this.#options;
    this.#described = { call, description: description() };
    const abilities = { takesEndpointChanges: true, tellsAttachments: true };
    const value = { nodeId, description: this.#described.description, address, ...abilities };
    return write(call, { $case: 'hello', value });
  }

  /** The manager knows this node now: everything goes to it that it may have missed, and from now on what changes. */
  #begin(call: SessionCall, welcome: SessionWelcome, ended: AbortSignal): void {
    this.#state = { connected: true };
    this.#options.logger.info({ sessionId: welcome.sessionId }, 'session with the manager begins');
    this.#options.applier.beginSession((version) => void write(call, { $case: 'applied', value: { version } }));
    void this.#heartbeats(call, periodOf(welcome), ended);
    this.#reportStatuses(call, ended);
    this.#reportImages(call, ended);
    this.#reportVolumes(call, ended);
    this.#reportAttachments(call, ended);
    this.#reportDescription(ended);
  }

  async #heartbeats(call: SessionCall, periodMs: number, ended: AbortSignal): Promise<void> {
    while (await elapsed(periodMs, ended)) await write(call, { $case: 'heartbeat', value: {} });
  }

  #reportStatuses(call: SessionCall, ended: AbortSignal): void {
    const { worker } = this.#options;
    const batch = new StatusBatch();
    let sending = false;
    const flush = async () => {
      if (sending) return;
      sending = true;
      while (await elapsed(BATCH_DELAY_MS, ended)) {
        const updates = batch.take();
        if (updates.length === 0) break;
        await write(call, { $case: 'statuses', value: { updates } });
      }
      sending = false;
    };
    const unsubscribe = worker.onStatus((update) => {
      batch.put(update);
      void flush();
    });
    ended.addEventListener('abort', unsubscribe, { once: true });
    for (const update of worker.statuses()) batch.put(update);
    void flush();
  }

  #reportImages(call: SessionCall, ended: AbortSignal): void {
    const { images } = this.#options;
    const changes = new ImageChanges();
    const tell = async () => {
      const value = changes.take(images.report());
      if (value !== undefined) await write(call, { $case: 'images', value });
    };
    const onChange = (listener: () => void) => images.onChange(listener);
    // Who has just built an image deploys it next, to nodes that ask managers for it.
    tellOfChanges({ onChange, tell, delayMs: BATCH_DELAY_MS }, ended);
  }

  #reportVolumes(call: SessionCall, ended: AbortSignal): void {
    const { volumes, logger } = this.#options;
    let told = '';
    const tell = async () => {
      try {
        const { names, mounted } = await volumes.report();
        const text = JSON.stringify([names, mounted]);
        if (text === told) return;
        told = text;
        await write(call, { $case: 'volumes', value: { names: [...names], mounted: [...mounted] } });
      } catch (error) {
        // The managers go on with what they knew; the next change, or session, tries again.
        logger.error({ err: error }, 'the volumes of this host could not be listed');
      }
    };
    const onChange = (listener: () => void) => volumes.onChange(listener);
    tellOfChanges({ onChange, tell, delayMs: REPORT_DELAY_MS }, ended);
  }

  /** Somebody on another node may wait for a name, as for a task's. */
  #reportAttachments(call: SessionCall, ended: AbortSignal): void {
    const { networks } = this.#options;
    const changes = new AttachmentChanges();
    const tell = async () => {
      const value = changes.take(networks.attached());
      if (value !== undefined) await write(call, { $case: 'attachments', value });
    };
    const onChange = (listener: () => void) => networks.onAttached(listener);
    tellOfChanges({ onChange, tell, delayMs: BATCH_DELAY_MS }, ended);
  }

  /** Addresses and links are a part of what this node is; several come and go at a time. */
  #reportDescription(ended: AbortSignal): void {
    const { networks } = this.#options;
    const tell = async () => this.describe();
    const onAddresses = (listener: () => void) => networks.onIpv6Addresses(listener);
    tellOfChanges({ onChange: onAddresses, tell, delayMs: REPORT_DELAY_MS }, ended);
    // Somebody may wait to make a network of them.
    const onParents = (listener: () => void) => networks.onParents(listener);
    tellOfChanges({ onChange: onParents, tell, delayMs: BATCH_DELAY_MS }, ended);
  }

  #openTunnel(client: DispatcherClient, open: OpenStream, signal: AbortSignal): void {
    const { methods, logger } = this.#options;
    const call = client.tunnel();
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    const tunnel = serveTunnel(call, open, methods)
      .catch((error: unknown) => logger.warn({ err: toGantryError(error), method: open.method }, 'tunnel failed'))
      .finally(() => {
        signal.removeEventListener('abort', cancel);
        this.#tunnels.delete(tunnel);
      });
    this.#tunnels.add(tunnel);
  }
}

interface Report {
  /** Calls `listener` after each change, until the returned function is called. */
  readonly onChange: (listener: () => void) => () => void;
  /** Never rejects. */
  readonly tell: () => Promise<void>;
  readonly delayMs: number;
}

/** Now, and some time after each change, until `ended`. */
function tellOfChanges({ onChange, tell, delayMs }: Report, ended: AbortSignal): void {
  let isDue = false;
  const unsubscribe = onChange(() => {
    if (isDue) return;
    isDue = true;
    void elapsed(delayMs, ended).then(async (isOpen) => {
      isDue = false;
      if (isOpen) await tell();
    });
  });
  ended.addEventListener('abort', unsubscribe, { once: true });
  void tell();
}

function write(call: SessionCall, message: SessionRequest['message']): Promise<boolean> {
  return send(call as unknown as ClientDuplexStream<SessionRequest, never>, { message });
}

function sameDescription(a: NodeDescription, b: NodeDescription): boolean {
  return Buffer.compare(NodeDescription.encode(a).finish(), NodeDescription.encode(b).finish()) === 0;
}

function periodOf({ heartbeatPeriodMs }: SessionWelcome): number {
  return heartbeatPeriodMs || DEFAULT_HEARTBEAT_MS;
}

/** The one that shows by itself when its manager is there again. */
function localSocket(endpoints: readonly ManagerEndpoint[]): string | undefined {
  return endpoints.map(({ address }) => (address.kind === 'unix' ? address.path : '')).find((path) => path !== '');
}

/** False when `signal` has aborted first. */
async function elapsed(delayMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(delayMs, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
