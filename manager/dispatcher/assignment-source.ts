/** What all sessions are to tell their nodes, kept up to date with the store; and the tasks that must not be told to stop yet. */
import type { Logger } from 'pino';
import type { AssignmentChange, NodeAttachments } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { NodeState } from '../../proto/generated/gantry/v1/types.ts';
import type { Clock } from '../clock.ts';
import type { NodeObject } from '../store/node.ts';
import type { Store } from '../store/store.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { hasEnded } from '../store/task.ts';
import type { StoreEvent } from '../store/watch.ts';
import { AttachedTable } from './attached.ts';
import { touchAttached, touchConcerned, touchEndpoints } from './concerns.ts';
import { EndpointTable } from './endpoints.ts';
import type { NodeAssignments } from './node-assignments.ts';
import { PeerTable } from './peers.ts';
import type { Session } from './session.ts';
import { type Withdrawal, Withdrawals } from './withdrawals.ts';

export interface AssignmentSourceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** By node. */
  readonly sessions: ReadonlyMap<string, Session>;
}

export class AssignmentSource {
  readonly #options: AssignmentSourceOptions;
  readonly #ready = Promise.withResolvers<void>();
  readonly #withdrawals = new Withdrawals();
  readonly #peers = new PeerTable();
  readonly #attached = new AttachedTable();
  #endpoints = new EndpointTable();
  #revision = 0;

  constructor(options: AssignmentSourceOptions) {
    this.#options = options;
  }

  /** Resolves once the endpoints of all services have been put together, or `run` has ended. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Of what nodes have to know; grows with each change that is followed. */
  get revision(): number {
    return this.#revision;
  }

  take(assignments: NodeAssignments): AssignmentChange[] {
    const [endpoints, peers, attached, withdrawals] = [this.#endpoints, this.#peers, this.#attached, this.#withdrawals];
    const routing = { endpoints, peers, attached, withdrawals };
    return this.#options.store.view((read) => assignments.take(read, routing));
  }

  /** They are told nothing any more. */
  forget(assignments: NodeAssignments): void {
    this.#peers.forget(assignments);
    this.#attached.forget(assignments);
  }

  /** What a node says of its containers that are of no task. */
  attached(nodeId: string, report: NodeAttachments): void {
    const { store, sessions } = this.#options;
    touchAttached(
      store.view((read) => this.#attached.report(nodeId, report, read)),
      sessions.values(),
    );
  }

  /** The node acts by this revision, or a later one, from now on. */
  applied(nodeId: string, revision: number): void {
    this.#release(this.#withdrawals.applied(nodeId, revision));
  }

  /** Stops also the tasks for which nodes have been waited for too long. */
  giveUpOverdue(): void {
    const overdue = this.#withdrawals.takeOverdue(this.#options.clock.now());
    for (const { taskId, silent } of overdue) {
      this.#options.logger.warn({ task: taskId, nodes: silent }, 'task is stopped though nodes may still send to it');
    }
    this.#release(overdue);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    const watch = store.watch({ kinds: ['node', 'task', 'service', 'network', 'secret', 'config'] });
    try {
      store.view((read) => this.#attached.begin(read));
      await this.#beginAnew();
      while (!signal.aborted) {
        await watch.changed(signal);
        const events = watch.take();
        if (events === 'lagged') await this.#beginAnew();
        else this.#follow(events);
      }
    } finally {
      watch.close();
      this.#ready.resolve();
    }
  }

  async #beginAnew(): Promise<void> {
    this.#endpoints = await EndpointTable.of(this.#options.store);
    for (const session of this.#options.sessions.values()) session.touchAll();
    this.#options.store.view((read) => {
      this.#peers.refresh(read);
      this.#attached.refresh(read);
      this.#withdraw(read);
    });
    this.#ready.resolve();
  }

  #follow(events: readonly StoreEvent[]): void {
    const { store, sessions } = this.#options;
    store.view((read) => {
      for (const id of this.#endpoints.apply(events, read)) {
        touchEndpoints(id, this.#endpoints.get(id), sessions.values());
      }
      this.#withdraw(read);
      for (const event of events) {
        this.#peers.follow(event, read);
        touchAttached(this.#attached.follow(event, read), sessions.values());
        touchConcerned(event, sessions, read);
        this.#forgetIfGone(event);
      }
    });
  }

  /** Holds the tasks that the endpoints have just lost, for as long as a node may not know of it. */
  #withdraw(read: ReadTransaction): void {
    this.#revision += 1;
    const leaving = this.#endpoints.takeLeaving();
    if (leaving.length === 0) return;
    const { sessions, clock } = this.#options;
    const behind = read.find('node', { by: 'all' }).filter((node) => mayBeBehind(node, sessions.get(node.id)));
    const [nodes, sinceMs] = [behind.map(({ id }) => id), clock.now()];
    for (const { id, nodeId } of leaving) {
      this.#withdrawals.begin({ taskId: id, nodeId, revision: this.#revision, sinceMs }, nodes);
    }
  }

  #forgetIfGone({ kind, change, object }: StoreEvent): void {
    if (kind === 'task' && (change === 'remove' || hasEnded(object))) this.#withdrawals.forget(object.id);
    if (kind === 'node' && (change === 'remove' || object.status.state === NodeState.DOWN)) {
      this.#release(this.#withdrawals.gone(object.id));
    }
  }

  /** They may be told to stop now. */
  #release(withdrawals: readonly Withdrawal[]): void {
    for (const { nodeId, taskId } of withdrawals) this.#options.sessions.get(nodeId)?.touch('task', taskId);
  }
}

/** What it acts by may be older than the endpoints are. */
function mayBeBehind({ status }: NodeObject, session: Session | undefined): boolean {
  return session === undefined ? status.state !== NodeState.DOWN : session.isBehind;
}
