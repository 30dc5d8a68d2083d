/** The cluster that is put to the test: hosts on a LAN, each a manager, each with a small disk. */
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { takeCensusOutside } from '../lab/census.ts';
import type { Host } from '../lab/host.ts';
import { joinHosts } from '../lab/join-hosts.ts';
import { Lan } from '../lab/lan.ts';
import { until } from '../lab/until.ts';
import { ManagerClient } from './manager-client.ts';

const DISK_MEGABYTES = 96;
/** A manager whose starts have failed waits up to 10 s for the next. */
const HEALED_MS = 90_000;

/** A host with the id of its node. */
export interface ManagerHost {
  readonly host: Host;
  readonly nodeId: string;
}

export class ChaosCluster {
  readonly lan: Lan;
  managers: readonly ManagerHost[] = [];
  readonly #clients: ManagerClient[] = [];

  private constructor(lan: Lan) {
    this.lan = lan;
  }

  /** Hosts that aren't started yet. */
  static async create(hosts: number): Promise<ChaosCluster> {
    return new ChaosCluster(await Lan.create('chaos', hosts));
  }

  /** Makes all of them managers of one cluster. */
  async start(): Promise<void> {
    const { hosts } = this.lan;
    await Promise.all(hosts.map((host) => host.limitDisk(DISK_MEGABYTES)));
    await Promise.all(hosts.map((host) => host.start()));
    await joinHosts(hosts, hosts.length);
    await this.untilHealed();
    const [first] = hosts as [Host];
    const { nodes } = await this.client(first).nodes();
    this.managers = hosts.map((host) => {
      const node = nodes.find(({ description }) => description?.hostname === host.name);
      if (node === undefined) throw new Error(`${host.name} is not in the cluster`);
      return { host, nodeId: node.id };
    });
  }

  /** Closed with the cluster. */
  client(host: Host): ManagerClient {
    const client = new ManagerClient(host);
    this.#clients.push(client);
    return client;
  }

  /** Until every manager says of every manager that it votes and can be reached. */
  async untilHealed(): Promise<void> {
    const clients = this.lan.hosts.map((host) => this.client(host));
    const isHealed = async (client: ManagerClient) => {
      const { managers, leaderNodeId } = await client.nodes();
      const whole = managers.filter(({ voter, reachable }) => voter && reachable);
      return leaderNodeId !== '' && whole.length === clients.length;
    };
    await until(
      'all managers to reach each other',
      async () => (await Promise.all(clients.map(isHealed))).every((healed) => healed),
      HEALED_MS,
    );
  }

  /** Ends everything on the hosts; the logs stay where they are. */
  async stop(): Promise<void> {
    await Promise.all(
      this.lan.hosts.map(async (host) => {
        await host.ok(['system', 'stop', '--force']);
        await host.stop('SIGTERM');
      }),
    );
  }

  /** Copies what the daemons logged. */
  async keepLogs(directory: string): Promise<void> {
    await mkdir(directory, { recursive: true });
    await Promise.all(this.lan.hosts.map(({ logPath, name }) => cp(logPath, join(directory, `${name}.log`))));
  }

  /** Removes all of it. What is there nevertheless, which should be nothing. */
  async destroy(): Promise<string[]> {
    for (const client of this.#clients) client.close();
    const { hosts } = this.lan;
    await this.lan.destroy();
    const left = await Promise.all(hosts.map(takeCensusOutside));
    return left.flatMap(({ processes, mounts, namespaces }) => [...processes, ...mounts, ...namespaces]);
  }
}
