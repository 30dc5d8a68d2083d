/** Managers as gantryd starts them, from the bundle, on the loopback address; joined to each other as nodes join. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { MANAGER_FLAGS } from '../../../agent/cluster/manager-flags.ts';
import { RemoteNode } from '../../../manager/remote-node.testing.ts';
import { connectClient, unary } from '../../../proto/client.ts';
import { freePort } from '../../../proto/free-port.testing.ts';
import {
  type ClusterJoinTokenResponse,
  ControlClient,
  type NodeListResponse,
} from '../../../proto/generated/gantry/v1/control.ts';
import { NodeRole } from '../../../proto/generated/gantry/v1/types.ts';
import { identityDir, saveIdentity } from '../../../proto/identity-files.ts';
import { ROOT } from '../../lab/engine-host.ts';
import { until } from '../../lab/until.ts';

const PROGRAM = join(ROOT, 'dist/gantry-manager.js');

export interface ManagerPlace {
  readonly nodeId: string;
  readonly dir: string;
  /** IP:PORT. */
  readonly address: string;
  readonly metricsAddress: string;
}

interface Manager extends ManagerPlace {
  readonly process: ChildProcess;
}

export class ManagerProcesses {
  readonly control: ControlClient;
  readonly #managers: Manager[] = [];
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
    this.control = connectClient(ControlClient, { kind: 'unix', path: join(dir, 'm1', 'manager.sock') });
  }

  static async start(dir: string, count: number): Promise<ManagerProcesses> {
    const managers = new ManagerProcesses(dir);
    try {
      await managers.#startFirst();
      while (managers.#managers.length < count) await managers.#startNext();
      await until('all managers to vote', async () => (await managers.#voters()) === count, 60_000);
      return managers;
    } catch (error) {
      await managers.stop();
      throw error;
    }
  }

  /** The one that agents join at. */
  get first(): ManagerPlace {
    const [first] = this.#managers;
    if (first === undefined) throw new Error('there is no manager');
    return first;
  }

  async token(role: NodeRole): Promise<string> {
    const answer = await unary<ClusterJoinTokenResponse>((done) =>
      this.control.clusterJoinToken({ role, rotate: false }, done),
    );
    return answer.token;
  }

  async leader(): Promise<ManagerPlace & { readonly pid: number }> {
    const { leaderNodeId } = await this.#nodes();
    const leader = this.#managers.find(({ nodeId }) => nodeId === leaderNodeId);
    if (leader?.process.pid === undefined) throw new Error('there is no leader');
    return { ...leader, pid: leader.process.pid };
  }

  async stop(): Promise<void> {
    this.control.close();
    for (const { process: child } of this.#managers) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
  }

  async #startFirst(): Promise<void> {
    await this.#spawn(await this.#place('m1'), []);
    await until('the first manager', () => this.#nodes());
  }

  async #startNext(): Promise<void> {
    const port = Number(this.first.address.split(':')[1]);
    const node = new RemoteNode(port);
    const token = await this.token(NodeRole.MANAGER);
    // It listens for nodes a little later than on its socket.
    const answer = await until('a certificate', () => node.join(token));
    if (node.identity === undefined) throw new Error(`no certificate in ${answer.clusterId}`);
    const place = await this.#place(node.nodeId, `m${this.#managers.length + 1}`);
    await saveIdentity(identityDir(place.dir), node.identity);
    await this.#spawn(place, ['--join', this.first.address]);
    const voters = this.#managers.length;
    await until(`manager ${voters}`, async () => (await this.#voters()) === voters, 60_000);
  }

  async #place(nodeId: string, name = nodeId): Promise<ManagerPlace> {
    const [address, metricsAddress] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
    return { nodeId, dir: join(this.#dir, name), address, metricsAddress };
  }

  async #spawn(place: ManagerPlace, more: readonly string[]): Promise<void> {
    const { nodeId, dir, address, metricsAddress } = place;
    const flags = ['--data-root', dir, '--exec-root', dir, '--node-id', nodeId, '--advertise-addr', address];
    flags.push('--metrics-addr', metricsAddress, '--log-level', 'info', ...more);
    const log = openSync(`${dir}.log`, 'a');
    // For a look inside: --cpu-prof --cpu-prof-dir=DIR, for example.
    const profiling = (process.env.GANTRY_BENCH_MANAGER_FLAGS ?? '').split(' ').filter((flag) => flag !== '');
    const child = spawn(process.execPath, [...MANAGER_FLAGS, ...profiling, PROGRAM, ...flags], {
      // As gantryd does; the kernel then gives it as much as all agents together, which have hosts of their own elsewhere.
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    process.once('exit', () => child.kill('SIGTERM'));
    this.#managers.push({ ...place, process: child });
  }

  #nodes(): Promise<NodeListResponse> {
    return unary<NodeListResponse>((done) => this.control.nodeList({}, done));
  }

  async #voters(): Promise<number> {
    return (await this.#nodes()).managers.filter(({ voter, reachable }) => voter && reachable).length;
  }
}
