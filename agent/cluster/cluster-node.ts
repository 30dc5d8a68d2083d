/** This node's part in a cluster, for gantryd: joins, leaves, and serves what concerns the cluster. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@grpc/grpc-js';
import { parseNodeAddress } from '../../proto/address.ts';
import { GantryError } from '../../proto/errors.ts';
import {
  type ClusterInitRequest,
  type ClusterInitResponse,
  type ClusterJoinRequest,
  type ClusterJoinResponse,
  type ClusterLeaveRequest,
  type ClusterLeaveResponse,
  type ClusterRecoverRequest,
  type ClusterRecoverResponse,
  type ClusterRestoreRequest,
  type ClusterRestoreResponse,
  type ClusterStatusResponse,
  NodeAgentService,
  type SystemStopResponse,
} from '../../proto/generated/gantry/v1/node.ts';
import { NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import { identityDir, saveIdentity } from '../../proto/identity-files.ts';
import { newObjectId } from '../../proto/ids.ts';
import { clientStreamMethod, unaryMethod } from '../../proto/server.ts';
import type { ClusterService, ClusterServiceOptions, MemberView, MountedService } from '../engine/cluster-service.ts';
import { VERSION } from '../engine/system-facts.ts';
import { requestAdmission } from './admission.ts';
import { addressTowards, checkPortFree, defaultAdvertiseAddress, parseAdvertiseAddress } from './advertise-address.ts';
import { goesOnTrying, managerStays, notAManager, notInCluster } from './cluster-errors.ts';
import { ClusterMember, workerDir } from './cluster-member.ts';
import { controlProxy, managerProxy } from './control-proxy.ts';
import { demote } from './demotion.ts';
import { type NodeInDisaster, recoverCluster, restoreCluster } from './disaster.ts';
import { connectManager, managerSocket, whenReady } from './manager-client.ts';
import { managerDir } from './manager-role.ts';
import { type Membership, MembershipFile } from './membership.ts';
import { managerHealth } from './recovery.ts';
import { finishRestoration } from './restoration.ts';

/** A manager of one elects itself at once; most of this is a slow disk's. */
const JOIN_TIMEOUT_MS = 30_000;
/** For the other managers to let one go. */
const DEMOTION_TIMEOUT_MS = 10_000;
/** Nobody waits for long to see how a node does. */
const HEALTH_TIMEOUT_MS = 1000;
/** Longer than any reasonable stop grace period. */
const LEAVE_TIMEOUT_MS = 120_000;

export class ClusterNode implements ClusterService {
  readonly #options: ClusterServiceOptions;
  readonly #file: MembershipFile;
  #member: ClusterMember | undefined;
  #client: Client | undefined;
  readonly #closing = new AbortController();
  /** Joining, leaving and stopping come one after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: ClusterServiceOptions) {
    this.#options = options;
    this.#file = new MembershipFile(join(options.dataRoot, 'cluster.json'));
  }

  get member(): MemberView | undefined {
    return this.#member;
  }

  services(): MountedService[] {
    const implementation = {
      clusterInit: unaryMethod((request: ClusterInitRequest) => this.#serially(() => this.init(request))),
      clusterJoin: unaryMethod((request: ClusterJoinRequest) => this.#serially(() => this.join(request))),
      clusterLeave: unaryMethod((request: ClusterLeaveRequest) => this.#serially(() => this.leave(request))),
      clusterStatus: unaryMethod(() => this.status()),
      systemStop: unaryMethod(() => this.#serially(() => this.systemStop())),
      clusterRestore: clientStreamMethod((requests: AsyncIterable<ClusterRestoreRequest>) =>
        this.#serially(() => this.restore(requests)),
      ),
      clusterRecover: unaryMethod((request: ClusterRecoverRequest) => this.#serially(() => this.recover(request))),
    };
    const gate = () => this.#managerClient();
    return [{ definition: NodeAgentService, implementation }, controlProxy(gate), managerProxy(gate)];
  }

  async start(): Promise<void> {
    await finishRestoration(this.#options.dataRoot, this.#file);
    const membership = this.#file.load();
    if (membership === undefined) return;
    await this.#startMember(membership);
    if (membership.leaving)
      void this.#serially(() => this.#finishLeaving()).catch((error: unknown) => this.#leaveFailed(error));
  }

  /** Cuts short what is in progress: a node that was joining is in no cluster then, and one that was leaving goes on later. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#serially(() => this.#stopMember());
  }

  /** Crash points: with the file written, the next agent goes on as a member; before that nothing has happened. */
  async init({ advertiseAddr }: ClusterInitRequest): Promise<ClusterInitResponse> {
    this.#refuseSecondCluster('make a cluster');
    const chosen = advertiseAddr || this.#options.advertiseAddr;
    const address = chosen === '' ? defaultAdvertiseAddress() : parseAdvertiseAddress(chosen);
    await checkPortFree(address);
    // Of a join that was cut off.
    await rm(identityDir(this.#options.dataRoot), { recursive: true, force: true });
    const nodeId = newObjectId(randomBytes);
    const membership = { nodeId, clusterId: '', manager: true, advertiseAddr: address, managers: [], leaving: false };
    try {
      await this.#file.save(membership);
      await this.#startMember(membership);
      await this.#joined().whenJoined(JOIN_TIMEOUT_MS, this.#closing.signal);
      const answer = await this.#joined().inspect();
      if (answer instanceof GantryError) throw answer;
      const clusterId = answer.cluster?.id ?? '';
      await this.#file.update({ clusterId });
      return { nodeId, clusterId };
    } catch (error) {
      await this.#stopMember();
      await this.#forgetCluster();
      throw error;
    }
  }

  /**
   * Crash points: with cluster.json written, the next agent goes on as a member. Before that this node has forgotten, and
   * the cluster keeps an object of a node that never comes, which can be removed.
   */
  async join({ token, manager, advertiseAddr, availability }: ClusterJoinRequest): Promise<ClusterJoinResponse> {
    this.#refuseSecondCluster('join a cluster');
    const { dataRoot } = this.#options;
    const address = parseNodeAddress(manager);
    const chosen = advertiseAddr || this.#options.advertiseAddr;
    if (chosen !== '') parseAdvertiseAddress(chosen);
    const own = chosen || (await addressTowards(address));
    const nodeId = newObjectId(randomBytes);
    const request = { token, manager: address, nodeId, availability, address: own };
    const { identity, ...admission } = await requestAdmission(request, Date.now());
    await saveIdentity(identityDir(dataRoot), identity);
    const membership: Membership = { ...admission, nodeId, advertiseAddr: own, leaving: false };
    await this.#file.save(membership);
    await this.#startMember(membership);
    await this.#joined().whenJoined(JOIN_TIMEOUT_MS, this.#closing.signal).catch(goesOnTrying);
    const role = membership.manager ? NodeRole.MANAGER : NodeRole.WORKER;
    return { nodeId, clusterId: membership.clusterId, role };
  }

  async leave({ force }: ClusterLeaveRequest): Promise<ClusterLeaveResponse> {
    const membership = this.#file.current;
    if (membership === undefined) throw notInCluster();
    if (membership.manager && !force) throw managerStays(membership);
    await this.#file.update({ leaving: true });
    await this.#finishLeaving();
    return {};
  }

  async status(): Promise<ClusterStatusResponse> {
    const state = this.#member?.sessionState;
    const membership = this.#file.current;
    const health = membership?.manager === true ? await healthIfKnown(this.#options.execRoot) : undefined;
    const sessionError = state === undefined || state.connected ? '' : state.error;
    return {
      nodeId: membership?.nodeId ?? '',
      manager: membership?.manager ?? false,
      connected: state?.connected ?? false,
      managers: (membership?.managers ?? []).map(({ address }) => address),
      locked: health?.locked ?? false,
      // What its own manager says of the cluster says more than that no other answers.
      error: health?.problem || sessionError,
    };
  }

  /** The manager goes first: it would replace each task whose container ends. */
  async systemStop(): Promise<SystemStopResponse> {
    await this.#stopMember();
    await this.#options.onSystemStop();
    return {};
  }

  restore(requests: AsyncIterable<ClusterRestoreRequest>): Promise<ClusterRestoreResponse> {
    return restoreCluster(this.#inDisaster(), requests);
  }

  recover(request: ClusterRecoverRequest): Promise<ClusterRecoverResponse> {
    return recoverCluster(this.#inDisaster(), request);
  }

  #inDisaster(): NodeInDisaster {
    const { dataRoot, execRoot, advertiseAddr, store } = this.#options;
    return {
      dataRoot,
      execRoot,
      advertiseAddr,
      store: store.address,
      file: this.#file,
      member: () => this.#joined(),
      removeTasks: () => this.#removeTasks(),
      stopMember: () => this.#stopMember(),
      startMember: () => this.start(),
      closing: this.#closing.signal,
    };
  }

  #refuseSecondCluster(action: string): void {
    if (this.#file.current === undefined) return;
    throw new GantryError('WRONG_STATE', `cannot ${action}: this node is already in one`, {
      hint: 'leave it first with "gantry cluster leave"',
    });
  }

  async #startMember(membership: Membership): Promise<void> {
    this.#member = new ClusterMember(this.#options, this.#file, membership, VERSION);
    await this.#member.start();
  }

  #joined(): ClusterMember {
    if (this.#member === undefined) throw notInCluster();
    return this.#member;
  }

  async #finishLeaving(): Promise<void> {
    const member = this.#joined();
    await member.stopUpkeep();
    await this.#letGo();
    await this.#removeTasks();
    await this.#stopMember();
    await this.#forgetCluster();
  }

  async #removeTasks(): Promise<void> {
    const member = this.#joined();
    await member.stopUpkeep();
    await member.removeTasks(AbortSignal.any([this.#closing.signal, AbortSignal.timeout(LEAVE_TIMEOUT_MS)]));
  }

  /** Whoever leaves by force wants to go, whatever the other managers can still decide. */
  async #letGo(): Promise<void> {
    const { execRoot, logger } = this.#options;
    const { nodeId = '', manager = false, managers = [] } = this.#file.current ?? {};
    if (!manager || managers.every((other) => other.nodeId === nodeId)) return;
    const over = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(DEMOTION_TIMEOUT_MS)]);
    await demote(managerSocket(execRoot), nodeId, over).catch((error: unknown) => {
      logger.warn({ err: error }, 'the other managers have not let this one go; demote it there');
    });
  }

  #leaveFailed(error: unknown): void {
    this.#options.logger.error({ err: error }, 'cannot leave the cluster; "gantry cluster leave --force" tries again');
  }

  async #stopMember(): Promise<void> {
    this.#client?.close();
    this.#client = undefined;
    await this.#member?.stop();
    this.#member = undefined;
  }

  /** The file goes last: until then the next agent goes on with leaving. */
  async #forgetCluster(): Promise<void> {
    const { dataRoot } = this.#options;
    for (const dir of [managerDir(dataRoot), workerDir(dataRoot), identityDir(dataRoot)]) {
      await rm(dir, { recursive: true, force: true });
    }
    await this.#file.remove();
  }

  async #managerClient(): Promise<Client> {
    const membership = this.#file.current;
    if (this.#member === undefined || membership === undefined) throw notInCluster();
    if (!membership.manager) throw notAManager(membership);
    this.#client ??= connectManager(this.#options.execRoot);
    const client = this.#client;
    await whenReady(client, Date.now());
    return client;
  }

  #serially<Result>(operation: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(operation);
    // A failure is its caller's; the next operation has its turn all the same.
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

/** Undefined while the manager doesn't answer: the session's error says so. */
async function healthIfKnown(execRoot: string) {
  try {
    return await managerHealth(execRoot, HEALTH_TIMEOUT_MS);
  } catch {
    return undefined;
  }
}
