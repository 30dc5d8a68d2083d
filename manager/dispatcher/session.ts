/** One agent's session: what it has been told, and what it is to be told next. */
import {
  type AssignmentChange,
  type ManagerAddress,
  Membership,
  type OpenStream,
  type SessionResponse,
} from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { Turns } from '../turns.ts';
import { type ItemKind, type RememberedKind, strayTask } from './assignments.ts';
import { type NodeAgent, NodeAssignments } from './node-assignments.ts';

/** What a node is told, as it is now. */
export interface NodeView {
  membership(): Membership;
  /** What has changed of its assignments. */
  take(assignments: NodeAssignments): AssignmentChange[];
  /** It is told nothing any more. */
  forget(assignments: NodeAssignments): void;
  /** Resolves when a node that has just been told something may be told more; undefined: at once. */
  rest(ended: AbortSignal): Promise<void> | undefined;
}

/** What the node acts by. */
export interface Progress {
  /** Of what nodes may have to know, as the session has been touched for by now; grows with every change. */
  revision(): number;
  /** The node acts by this revision from now on, as far as it concerns it. */
  applied(revision: number): void;
}

/** A message, and the revision that a node acts by once it has acknowledged that message. */
interface Sent {
  readonly version: number;
  readonly revision: number;
}

/** The same for the same managers. */
export function managersKey(managers: readonly ManagerAddress[]): string {
  return JSON.stringify(managers);
}

export class Session {
  readonly id: string;
  readonly nodeId: string;
  /** That the node mounts from elsewhere, as far as it has said. */
  mountedVolumes: ReadonlySet<string> = new Set();
  readonly #over = new AbortController();
  readonly #assignments: NodeAssignments;
  readonly #progress: Progress;
  #version = 0;
  /** What is yet to be acknowledged, oldest first. */
  #sent: Sent[] = [];
  #membershipStale: boolean = true;
  /** As it was last told, encoded. */
  #membership: Uint8Array = new Uint8Array();
  #managersTold = '';
  #heartbeatDue: boolean = false;
  #strays: string[] = [];
  #streams: OpenStream[] = [];
  #wake: (() => void) | undefined;
  /** To look for what is new of its assignments; 'asked' also while it rests. */
  #turn: 'none' | 'asked' | 'come' = 'none';

  constructor(id: string, agent: NodeAgent, progress: Progress) {
    this.id = id;
    this.nodeId = agent.nodeId;
    this.#progress = progress;
    this.#assignments = new NodeAssignments(agent);
  }

  /** What the node must know of this may have changed. */
  touch(kind: ItemKind, id: string): void {
    this.#assignments.touch(kind, id);
    this.#wake?.();
  }

  /** Anything may have changed. */
  touchAll(): void {
    this.#assignments.touchAll();
    this.#wake?.();
  }

  isTold(kind: RememberedKind, id: string): boolean {
    return this.#assignments.isTold(kind, id);
  }

  /** The node may act by something that was true before. */
  get isBehind(): boolean {
    return this.#version === 0 || this.#assignments.isStale || this.#sent.length > 0;
  }

  /** The node has acknowledged all messages up to this version. */
  acknowledge(version: number): void {
    const acknowledged = this.#sent.findLast((sent) => sent.version <= version);
    this.#sent = this.#sent.filter((sent) => sent.version > version);
    // What has changed since, and of which it was told nothing, doesn't concern it.
    if (!this.isBehind) this.#progress.applied(this.#progress.revision());
    else if (acknowledged !== undefined) this.#progress.applied(acknowledged.revision);
  }

  /** The managers as the node knows them, by `managersKey`; empty before it was told any. */
  get managersTold(): string {
    return this.#managersTold;
  }

  /** The node wants to know whether it is heard. */
  answerHeartbeat(): void {
    this.#heartbeatDue = true;
    this.#wake?.();
  }

  /** The node's role, or the managers, may have changed. */
  touchMembership(): void {
    this.#membershipStale = true;
    this.#wake?.();
  }

  /** The node reported a task that it shouldn't have. */
  addStrays(taskIds: readonly string[]): void {
    this.#strays.push(...taskIds);
    this.#wake?.();
  }

  openStream(open: OpenStream): void {
    this.#streams.push(open);
    this.#wake?.();
  }

  end(): void {
    this.#over.abort();
    this.#wake?.();
  }

  get ended(): AbortSignal {
    return this.#over.signal;
  }

  /**
   * What goes to the agent, until the session ends. Changes that pile up while it is slow go as one message. `turns`: to
   * look for them takes a while, and all sessions may have to at once. Heartbeats are answered while it waits for its turn:
   * agents would take the manager for dead and come anew, which is still more work, without an end.
   */
  async *responses(view: NodeView, turns: Turns): AsyncGenerator<SessionResponse, void, undefined> {
    try {
      while (!this.ended.aborted) {
        yield* this.#due(view);
        if (this.#areAssignmentsStale() && this.#turn === 'none') this.#askForTurn(turns);
        await this.#somethingToSay();
      }
    } finally {
      view.forget(this.#assignments);
    }
  }

  *#due(view: NodeView): Generator<SessionResponse, void, undefined> {
    for (const open of this.#streams.splice(0)) yield { message: { $case: 'openStream', value: open } };
    if (this.#heartbeatDue) {
      this.#heartbeatDue = false;
      yield { message: { $case: 'heartbeat', value: {} } };
    }
    if (this.#membershipStale) {
      const membership = this.#nextMembership(view);
      if (membership !== undefined) yield membership;
    }
    if (this.#turn === 'come') {
      this.#turn = 'none';
      const assignments = this.#nextAssignments(view);
      if (assignments === undefined) return;
      this.#rest(view);
      yield assignments;
    }
  }

  #askForTurn(turns: Turns): void {
    this.#turn = 'asked';
    void turns.next().then(() => {
      this.#turn = 'come';
      this.#wake?.();
    });
  }

  /** What comes meanwhile goes as one message. */
  #rest(view: NodeView): void {
    const resting = view.rest(this.ended);
    if (resting === undefined) return;
    this.#turn = 'asked';
    void resting.then(() => {
      this.#turn = 'none';
      this.#wake?.();
    });
  }

  #nextMembership(view: NodeView): SessionResponse | undefined {
    this.#membershipStale = false;
    const value = view.membership();
    this.#managersTold = managersKey(value.managers);
    const encoded = Membership.encode(value).finish();
    if (Buffer.compare(encoded, this.#membership) === 0) return undefined;
    this.#membership = encoded;
    return { message: { $case: 'membership', value } };
  }

  #areAssignmentsStale(): boolean {
    return this.#assignments.isStale || this.#strays.length > 0;
  }

  #nextAssignments(view: NodeView): SessionResponse | undefined {
    const strays = this.#strays.splice(0).map(strayTask);
    const changes = [...view.take(this.#assignments), ...strays];
    const complete = this.#version === 0;
    if (changes.length === 0 && !complete) {
      this.#nothingNew();
      return undefined;
    }
    this.#version += 1;
    this.#sent.push({ version: this.#version, revision: this.#progress.revision() });
    return { message: { $case: 'assignments', value: { version: this.#version, complete, changes } } };
  }

  /** What it was told last is true of this revision, too. */
  #nothingNew(): void {
    const [last, revision] = [this.#sent.pop(), this.#progress.revision()];
    if (last === undefined) this.#progress.applied(revision);
    else this.#sent.push({ ...last, revision });
  }

  async #somethingToSay(): Promise<void> {
    if (this.#turn === 'come' || (this.#turn === 'none' && this.#areAssignmentsStale())) return;
    if (this.#membershipStale || this.#streams.length > 0 || this.#heartbeatDue || this.ended.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}
