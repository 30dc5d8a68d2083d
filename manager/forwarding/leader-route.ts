/** Where calls are answered: here while this manager leads, else at the leader, over one connection that is kept. */
import type { Client } from '@grpc/grpc-js';
import { GantryError } from '../../proto/errors.ts';
import type { LeadershipRunner } from '../leadership.ts';
import type { ReplicatedLog } from '../replication/replicated-log.ts';
import type { Caller } from './caller.ts';
import type { Route } from './forwarded-service.ts';

export interface LeaderRouteOptions {
  readonly leadership: LeadershipRunner;
  readonly log: ReplicatedLog;
  /** A client of a manager at IP:PORT; this route closes it. */
  readonly connect: (address: string) => Client;
}

interface Connection {
  readonly nodeId: string;
  readonly address: string;
  readonly client: Client;
  readonly lost: AbortController;
  readonly unsubscribe: () => void;
}

export class LeaderRoute {
  readonly #options: LeaderRouteOptions;
  #connection: Connection | undefined;

  constructor(options: LeaderRouteOptions) {
    this.#options = options;
  }

  /** As forwarded-service.ts wants it. */
  async find(caller: Caller, signal: AbortSignal): Promise<Route> {
    const leader = await this.#options.leadership.leader(signal);
    if (leader.kind === 'here') return { kind: 'here' };
    if (caller.forwarded) {
      throw new GantryError('UNAVAILABLE', `the leader has just changed: it is node ${leader.nodeId} now`, {
        hint: 'try again',
      });
    }
    const { client, lost } = this.#connectionTo(leader.nodeId);
    return { kind: 'leader', client, lost: lost.signal };
  }

  /** Calls that are under way end. */
  close(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.unsubscribe();
    connection?.lost.abort();
    connection?.client.close();
  }

  #connectionTo(nodeId: string): Connection {
    const { log, connect } = this.#options;
    const address = log.members().find(({ id }) => id === nodeId)?.address;
    if (address === undefined) {
      throw new GantryError('UNAVAILABLE', `no address is known of node ${nodeId}, which leads the cluster`, {
        hint: 'try again in a few seconds',
      });
    }
    if (this.#connection?.nodeId === nodeId && this.#connection.address === address) return this.#connection;
    this.close();
    const unsubscribe = log.onLeadership(({ leaderId }) => {
      if (leaderId !== nodeId) this.close();
    });
    this.#connection = { nodeId, address, client: connect(address), lost: new AbortController(), unsubscribe };
    return this.#connection;
  }
}
