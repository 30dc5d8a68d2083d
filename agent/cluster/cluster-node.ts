/** This node's part in a cluster, for gantryd: joins, leaves, and serves what concerns the cluster. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@grpc/grpc-js';
import { GantryError } from '../../proto/errors.ts';
import {
  type ClusterInitRequest,
  type ClusterInitResponse,
  type ClusterLeaveRequest,
  type ClusterLeaveResponse,
  type ClusterStatusResponse,
  NodeAgentService,
  type SystemStopResponse,
} from '../../proto/generated/gantry/v1/node.ts';
import { newObjectId } from '../../proto/ids.ts';
import { unaryMethod } from '../../proto/server.ts';
import type { ClusterService, ClusterServiceOptions, MountedService } from '../engine/cluster-service.ts';
import { VERSION } from '../engine/system-facts.ts';
import { defaultAdvertiseAddress, parseAdvertiseAddress } from './advertise-address.ts';
import { ClusterMember, workerDir } from './cluster-member.ts';
import { controlProxy } from './control-proxy.ts';
import { connectManager, whenReady } from './manager-client.ts';
import { type Membership, MembershipFile } from './membership.ts';

/** A manager of one elects itself at once; most of this is a slow disk's. */
const JOIN_TIMEOUT_MS = 30_000;
/** Longer than any reasonable stop grace period. */
const LEAVE_TIMEOUT_MS = 120_000;

export class ClusterNode implements ClusterService {
  readonly #options: ClusterServiceOptions;
  readonly #file: MembershipFile;
  #membership: Membership | undefined;
  #member: ClusterMember | undefined;
  #client: Client | undefined;
  readonly #closing = new AbortController();
  /** Joining, leaving and stopping come one after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: ClusterServiceOptions) {
    this.#options = options;
    this.#file = new MembershipFile(join(options.dataRoot, 'cluster.json'));
  }

  services(): MountedService[] {
    const implementation = {
      clusterInit: unaryMethod((request: ClusterInitRequest) => this.#serially(() => this.init(request))),
      clusterLeave: unaryMethod((request: ClusterLeaveRequest) => this.#serially(() => this.leave(request))),
      clusterStatus: unaryMethod(() => this.status()),
      systemStop: unaryMethod(() => this.#serially(() => this.systemStop())),
    };
    return [{ definition: NodeAgentService, implementation }, controlProxy(() => this.#managerClient())];
  }

  async start(): Promise<void> {
    const membership = this.#file.load();
    if (membership === undefined) return;
    await this.#join(membership);
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
    if (this.#membership !== undefined) {
      throw new GantryError('WRONG_STATE', 'cannot make a cluster: this node is already in one', {
        hint: 'leave it first with "gantry cluster leave --force"',
      });
    }
    const membership = newMembership(advertiseAddr || this.#options.advertiseAddr);
    await this.#file.save(membership);
    try {
      await this.#join(membership);
      const { cluster } = await this.#joined().whenJoined(JOIN_TIMEOUT_MS, this.#closing.signal);
      this.#membership = { ...membership, clusterId: cluster?.id ?? '' };
      await this.#file.save(this.#membership);
      return { nodeId: membership.nodeId, clusterId: this.#membership.clusterId };
    } catch (error) {
      await this.#stopMember();
      await this.#forgetCluster();
      throw error;
    }
  }

  async leave({ force }: ClusterLeaveRequest): Promise<ClusterLeaveResponse> {
    const membership = this.#membership;
    if (membership === undefined) throw notInCluster();
    if (!force) {
      throw new GantryError('WRONG_STATE', "cannot leave: this node is the cluster's only manager", {
        hint: 'all of its services, secrets and networks go with it; to do so, use --force',
      });
    }
    this.#membership = { ...membership, leaving: true };
    await this.#file.save(this.#membership);
    await this.#finishLeaving();
    return {};
  }

  async status(): Promise<ClusterStatusResponse> {
    const state = this.#member?.sessionState;
    return {
      nodeId: this.#membership?.nodeId ?? '',
      manager: this.#membership !== undefined,
      connected: state?.connected ?? false,
      managers: [],
      error: state === undefined || state.connected ? '' : state.error,
    };
  }

  /** The manager goes first: it would replace each task whose container ends. */
  async systemStop(): Promise<SystemStopResponse> {
    await this.#stopMember();
    await this.#options.onSystemStop();
    return {};
  }

  async #join(membership: Membership): Promise<void> {
    this.#membership = membership;
    this.#member = new ClusterMember(this.#options, membership, VERSION);
    await this.#member.start();
  }

  #joined(): ClusterMember {
    if (this.#member === undefined) throw notInCluster();
    return this.#member;
  }

  async #finishLeaving(): Promise<void> {
    await this.#joined().removeTasks(AbortSignal.any([this.#closing.signal, AbortSignal.timeout(LEAVE_TIMEOUT_MS)]));
    await this.#stopMember();
    await this.#forgetCluster();
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
    await rm(join(dataRoot, 'manager'), { recursive: true, force: true });
    await rm(workerDir(dataRoot), { recursive: true, force: true });
    this.#file.remove();
    this.#membership = undefined;
  }

  async #managerClient(): Promise<Client> {
    if (this.#member === undefined) throw notInCluster();
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

function newMembership(advertiseAddr: string): Membership {
  return {
    nodeId: newObjectId(randomBytes),
    clusterId: '',
    manager: true,
    advertiseAddr: advertiseAddr === '' ? defaultAdvertiseAddress() : parseAdvertiseAddress(advertiseAddr),
    leaving: false,
  };
}

function notInCluster(): GantryError {
  return new GantryError('NOT_IN_CLUSTER', 'this node is not in a cluster', {
    hint: 'make one with "gantry cluster init"',
  });
}
