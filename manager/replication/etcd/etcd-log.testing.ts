/** Logs in a real etcd for the conformance suite: each member reaches it by a way of its own, which can be cut. */
import { pino } from 'pino';
import { CuttableProxy } from '../network-cut.testing.ts';
import type { LogFixture, MemberOptions } from '../replicated-log.suite.ts';
import type { ReplicatedLog, StateMachine } from '../replicated-log.ts';
import type { EtcdServers } from './etcd-server.testing.ts';
import { type EtcdOpenOptions, openEtcdLog } from './open.ts';

/** Small, so that tests see all that happens. */
export function testOptions(store: string, nodeId: string, stateMachine: StateMachine): EtcdOpenOptions {
  return {
    store,
    storeFiles: { ca: '', cert: '', key: '' },
    nodeId,
    address: '127.0.0.1:1',
    stateMachine,
    logger: pino({ level: process.env.DBG ?? 'silent' }),
    tailLimits: { maxRecords: 10, maxBytes: 1024 * 1024 },
    leaseSeconds: 2,
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
    return openEtcdLog({ ...testOptions(store, id, state), address: this.addressOf(id), ...options });
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
