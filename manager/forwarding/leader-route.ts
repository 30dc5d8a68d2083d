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

export class LeaderRoute {
  readonly #options: LeaderRouteOptions;
  #connection: { readonly address: string; readonly client: Client } | undefined;

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
    return { kind: 'leader', client: this.#clientOf(leader.nodeId) };
  }

  close(): void {
    this.#connection?.client.close();
    this.#connection = undefined;
  }

  #clientOf(nodeId: string): Client {
    const address = this.#options.log.members().find(({ id }) => id === nodeId)?.address;
    if (address === undefined) {
      throw new GantryError('UNAVAILABLE', `no address is known of node ${nodeId}, which leads the cluster`, {
        hint: 'try again in a few seconds',
      });
    }
    if (this.#connection?.address !== address) {
      this.close();
      this.#connection = { address, client: this.#options.connect(address) };
    }
    return this.#connection.client;
  }
}
