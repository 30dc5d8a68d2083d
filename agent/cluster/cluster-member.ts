/** What runs on a node while it is in a cluster: the manager's process, the worker, and the session between them. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectClient, unary } from '../../proto/client.ts';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import { type ClusterInspectResponse, ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import type { ClusterServiceOptions } from '../engine/cluster-service.ts';
import { describeNode } from '../session/node-description.ts';
import { Session, type SessionState } from '../session/session.ts';
import { tunnelMethods } from '../session/tunnel.ts';
import { AssignmentApplier } from '../worker/assignment-applier.ts';
import { AssignmentFile } from '../worker/assignment-file.ts';
import { Worker } from '../worker/worker.ts';
import { managerSocket } from './manager-client.ts';
import { ManagerSupervisor } from './manager-supervisor.ts';
import type { Membership } from './membership.ts';

const INSPECT_RETRY_MS = 50;
/** A manager that ends this often while it is waited for won't come up. */
const MAX_EXITS = 3;

export class ClusterMember {
  readonly #options: ClusterServiceOptions;
  readonly #worker: Worker;
  readonly #applier: AssignmentApplier;
  readonly #session: Session;
  readonly #manager: ManagerSupervisor;
  readonly #endSession = new AbortController();
  #endManager = new AbortController();
  #running: { readonly session: Promise<void>; manager: Promise<void> } | undefined;

  constructor(options: ClusterServiceOptions, membership: Membership, version: string) {
    const { dataRoot, execRoot, containers, images, networks, logger } = options;
    const { nodeId, advertiseAddr } = membership;
    const dir = workerDir(dataRoot);
    const workerLogger = logger.child({ component: 'worker' });
    this.#options = options;
    this.#worker = new Worker({ dir, containers, images, logger: workerLogger, now: Date.now });
    const file = new AssignmentFile(join(dir, 'networks.json'), workerLogger);
    this.#applier = new AssignmentApplier({ worker: this.#worker, networks, file, logger: workerLogger });
    this.#session = new Session({
      nodeId,
      description: describeNode(options.nodeName, version),
      address: advertiseAddr,
      socket: managerSocket(execRoot),
      worker: this.#worker,
      applier: this.#applier,
      methods: tunnelMethods(options.handlers),
      logger: logger.child({ component: 'session' }),
      random: Math.random,
    });
    this.#manager = new ManagerSupervisor({
      command: { dataRoot, execRoot, nodeId, logLevel: logger.level },
      logger: logger.child({ component: 'supervisor' }),
      random: Math.random,
      now: Date.now,
    });
  }

  get sessionState(): SessionState {
    return this.#session.state;
  }

  /** Picks up this node's tasks, and starts manager and session without waiting for either. */
  async start(): Promise<void> {
    await this.#applier.start();
    this.#running = {
      manager: this.#manager.run(this.#endManager.signal),
      session: this.#session.run(this.#endSession.signal),
    };
  }

  /**
   * Resolves once the manager answers and has taken this node in. UNAVAILABLE after `timeoutMs`, when `signal` aborts, or
   * when the manager ends time and again.
   */
  async whenJoined(timeoutMs: number, signal: AbortSignal): Promise<ClusterInspectResponse> {
    const over = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    for (;;) {
      const answer = await this.#inspect();
      if (!(answer instanceof GantryError) && this.#session.state.connected) return answer;
      if (over.aborted || this.#manager.exits >= MAX_EXITS) throw this.#notJoined(answer);
      await sleep(INSPECT_RETRY_MS);
    }
  }

  /** Runs `action` while this node's manager is down; however that ends, the manager comes up again. */
  async withoutManager(action: () => Promise<void>): Promise<void> {
    const running = this.#running;
    if (running === undefined) throw new GantryError('INTERNAL', 'this node has not started its manager yet');
    this.#endManager.abort();
    await running.manager;
    try {
      await action();
    } finally {
      this.#endManager = new AbortController();
      running.manager = this.#manager.run(this.#endManager.signal);
    }
  }

  /** Ends session, worker and manager, in this order; containers go on. Idempotent. */
  async stop(): Promise<void> {
    await this.#stopSession();
    await this.#worker.close();
    this.#endManager.abort();
    await this.#running?.manager;
  }

  /** Removes all that the cluster has put on this node: tasks, networks, names. For leaving, before `stop`. */
  async removeTasks(signal: AbortSignal): Promise<void> {
    const { networks } = this.#options;
    await this.#stopSession();
    await this.#worker.removeAll(signal);
    await networks.applyEndpoints([]);
    await networks.applyNetworks([]);
  }

  async #stopSession(): Promise<void> {
    this.#endSession.abort();
    await this.#running?.session;
    await this.#applier.close();
  }

  async #inspect(): Promise<ClusterInspectResponse | GantryError> {
    const client = connectClient(ControlClient, { kind: 'unix', path: managerSocket(this.#options.execRoot) });
    try {
      return await unary<ClusterInspectResponse>((done) => client.clusterInspect({}, done));
    } catch (error) {
      return toGantryError(error);
    } finally {
      client.close();
    }
  }

  #notJoined(answer: ClusterInspectResponse | GantryError): GantryError {
    const exit = this.#manager.lastExit;
    const reason = exit === '' ? 'it does not answer' : `it ended: ${exit}`;
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
