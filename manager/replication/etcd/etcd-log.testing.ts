/** Logs in a real etcd for the conformance suite: each member reaches it by a way of its own, which can be cut. */
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { parseStoreAddress } from '../../../proto/store-address.ts';
import { CuttableProxy } from '../network-cut.testing.ts';
import type { LogFixture, MemberOptions } from '../replicated-log.suite.ts';
import type { ReplicatedLog, StateMachine } from '../replicated-log.ts';
import type { EtcdServers } from './etcd-server.testing.ts';
import { type EtcdOpenOptions, openEtcdLog } from './open.ts';

/** With small limits, so that tests see all that happens. `id` makes the log, or has been made a member. */
export function testOptions(store: string, id: string, stateMachine: StateMachine): EtcdOpenOptions {
  return {
    address: parseStoreAddress(store),
    files: { ca: '', cert: '', key: '' },
    member: { id, address: '127.0.0.1:1' },
    begin: { kind: 'alone' },
    knownId: undefined,
    onKnown: async () => undefined,
    stateMachine,
    random: randomBytes,
    logger: pino({ level: 'silent' }),
    tailLimits: { maxRecords: 10, maxBytes: 1024 * 1024 },
    // Long enough to be kept where the system tests leave little of the processors.
    leaseSeconds: 5,
    onFailure: () => undefined,
  };
}

export class EtcdFixture implements LogFixture {
  readonly prefix: string;
  readonly #etcd: EtcdServers;
  readonly #ways = new Map<string, CuttableProxy>();

  constructor(etcd: EtcdServers) {
    this.#etcd = etcd;
    this.prefix = etcd.newPrefix();
  }

  async open(
    id: string,
    { state, ...options }: MemberOptions & Omit<Partial<EtcdOpenOptions>, keyof MemberOptions>,
  ): Promise<ReplicatedLog> {
    const way = await this.way(id);
    const store = `etcd://${way.address}/${this.prefix}`;
    const member = { id, address: this.addressOf(id) };
    return openEtcdLog({ ...testOptions(store, id, state), member, ...options });
  }

  addressOf(id: string): string {
    return `127.0.0.1:${id.replace(/\D/g, '')}`;
  }

  cutOff(id: string): void {
    this.#ways.get(id)?.cut();
  }

  reconnect(id: string): void {
    this.#ways.get(id)?.mend();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#ways.values()].map((way) => way.close()));
  }

  async way(id: string): Promise<CuttableProxy> {
    const found = this.#ways.get(id);
    if (found !== undefined) return found;
    const [endpoint = ''] = this.#etcd.endpoints;
    const [host = '', port] = endpoint.split(':');
    const way = await CuttableProxy.start({ host, port: Number(port) });
    this.#ways.set(id, way);
    return way;
  }
}
