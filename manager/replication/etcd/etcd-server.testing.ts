/** Real etcd servers on loopback, for tests. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { noop } from 'cockatiel';
import { Etcd3 } from 'etcd3';

/** Where .ci/setup puts the program when the machine has none of its own. */
const UNPACKED = join(import.meta.dirname, '../../../node_modules/.cache/etcd/usr/bin/etcd');

/** Undefined where there is none: tests are skipped then, and say so. */
export const ETCD_PROGRAM: string | undefined = [UNPACKED, ...pathOf('etcd')].find(existsSync);
if (ETCD_PROGRAM === undefined) process.stderr.write('etcd is not installed: its tests are skipped; see .ci/setup\n');

const READY_MS = 30_000;

interface Server {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
  process: ChildProcess | undefined;
}

export interface EtcdOptions {
  readonly members?: number;
  readonly flags?: readonly string[];
  /** https:// when the flags say so. */
  readonly scheme?: 'http' | 'https';
}

/** A cluster of its own; members can be killed, paused and started again. */
export class EtcdServers {
  readonly #dir = mkdtempSync(join(tmpdir(), 'gantry-etcd-'));
  readonly #servers: readonly Server[];
  readonly #options: EtcdOptions;
  #prefixes = 0;

  private constructor(servers: readonly Server[], options: EtcdOptions) {
    this.#servers = servers;
    this.#options = options;
  }

  static async start(options: EtcdOptions = {}): Promise<EtcdServers> {
    const count = options.members ?? 1;
    const ports = await freePorts(2 * count);
    const servers = Array.from({ length: count }, (_, number) => ({
      name: `etcd${number}`,
      clientPort: ports[2 * number] ?? 0,
      peerPort: ports[2 * number + 1] ?? 0,
      process: undefined,
    }));
    const cluster = new EtcdServers(servers, options);
    for (const number of servers.keys()) cluster.spawn(number);
    await cluster.ready();
    return cluster;
  }

  get endpoints(): readonly string[] {
    return this.#servers.map(({ clientPort }) => `127.0.0.1:${clientPort}`);
  }

  /** The address of a log of its own there. */
  store(prefix = this.newPrefix()): string {
    return `etcd://${this.endpoints.join(',')}/${prefix}`;
  }

  newPrefix(): string {
    this.#prefixes += 1;
    return `test-${process.pid}-${this.#prefixes}`;
  }

  /** For looking at what is there, and for damaging it. Close it. */
  client(): Etcd3 {
    const hosts = this.endpoints.map((endpoint) => `http://${endpoint}`);
    return new Etcd3({ hosts, faultHandling: { host: () => noop, global: noop } });
  }

  spawn(number: number): void {
    const { scheme = 'http', flags = [] } = this.#options;
    const { name, clientPort, peerPort } = this.#server(number);
    const clientUrl = `${scheme}://127.0.0.1:${clientPort}`;
    const peerUrl = `http://127.0.0.1:${peerPort}`;
    const cluster = this.#servers.map((server) => `${server.name}=http://127.0.0.1:${server.peerPort}`).join(',');
    const args = [
      ...['--name', name, '--data-dir', join(this.#dir, name), '--initial-cluster', cluster],
      ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--log-level', 'fatal', '--logger', 'zap', ...flags],
    ];
    this.#server(number).process = spawn(ETCD_PROGRAM ?? 'etcd', args, { stdio: 'ignore' });
  }

  /** Resolves when each running member answers. */
  async ready(): Promise<void> {
    if (this.#options.scheme === 'https') return;
    for (const { process: child, clientPort } of this.#servers) {
      if (child === undefined) continue;
      const deadline = Date.now() + READY_MS;
      while (!(await isHealthy(clientPort))) {
        if (Date.now() > deadline || child.exitCode !== null)
          throw new Error(`etcd on port ${clientPort} did not come up`);
        await sleep(50);
      }
    }
  }

  /** As an administrator who puts a backup of a cluster of one in place: what came after it is gone. */
  async goBack(write: () => Promise<void>): Promise<void> {
    const { name } = this.#server(0);
    const [dir, backup] = [join(this.#dir, name), join(this.#dir, 'backup')];
    await this.kill(0);
    cpSync(dir, backup, { recursive: true });
    this.spawn(0);
    await this.ready();
    await write();
    await this.kill(0);
    rmSync(dir, { recursive: true });
    renameSync(backup, dir);
    this.spawn(0);
    await this.ready();
  }

  signal(number: number, signal: NodeJS.Signals): void {
    this.#server(number).process?.kill(signal);
  }

  async kill(number: number): Promise<void> {
    const server = this.#server(number);
    const { process: child } = server;
    server.process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#servers.keys()].map((number) => this.kill(number)));
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #server(number: number): Server {
    const server = this.#servers[number];
    if (server === undefined) throw new Error(`there is no etcd member ${number}`);
    return server;
  }
}

async function isHealthy(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(2000) });
    return ((await response.json()) as { health?: string }).health === 'true';
  } catch {
    return false;
  }
}

/** All are held until all are found: no two are the same. */
async function freePorts(count: number): Promise<number[]> {
  const holders = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(holders.map((holder) => once(holder, 'listening')));
  const ports = holders.map((holder) => {
    const address = holder.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(holders.map((holder) => once(holder.close(), 'close')));
  return ports;
}

function pathOf(program: string): string[] {
  try {
    return [
      execFileSync('sh', ['-c', `command -v ${program}`])
        .toString()
        .trim(),
    ];
  } catch {
    return [];
  }
}
