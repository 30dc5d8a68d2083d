/**
 * A host for tests: a network namespace with a gantryd of its own, and either a second namespace on the same wire from
 * which the host is seen as others see it, or a LAN with other hosts. Nothing in it has a way out of the machine.
 */
import type { ChildProcess } from 'node:child_process';
import { getServers } from 'node:dns';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { output, runCommand } from './command.ts';
import { type DaemonName, EngineHost } from './engine-host.ts';

export const HOST_ADDRESS = '10.99.0.1';
export const NEIGHBOUR_ADDRESS = '10.99.0.2';

export class Host extends EngineHost {
  #daemon: ChildProcess | undefined;

  private constructor(name: string, address: string) {
    const directory = mkdtempSync(join(tmpdir(), `gantry-${name}-`));
    super({ name: `gl-${name}-${process.pid}`, directory, address });
  }

  /** The network namespace on the other end of its wire, where it isn't on a LAN. */
  get neighbour(): string {
    return `${this.name}-out`;
  }

  /** Makes the namespaces and the wire between them. */
  static async create(name: string): Promise<Host> {
    const host = new Host(name, HOST_ADDRESS);
    await output(['ip', 'netns', 'add', host.neighbour]);
    await host.#connect(host.neighbour, 'eth0');
    const outside = ['ip', '-n', host.neighbour];
    await output([...outside, 'addr', 'add', `${NEIGHBOUR_ADDRESS}/24`, 'dev', 'eth0']);
    for (const link of ['lo', 'eth0']) await output([...outside, 'link', 'set', link, 'up']);
    await output(['ip', '-n', host.name, 'route', 'add', 'default', 'via', NEIGHBOUR_ADDRESS]);
    // It says that there is no way further: who asks for what is only lost waits.
    await output(host.outside(['sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward']));
    await output([...outside, 'route', 'add', 'unreachable', 'default']);
    // That it says once a second, and resolvers wait 5 s for each answer; that a port has nobody it says to all who ask.
    await output(host.outside(['sh', '-c', 'echo 0 >/proc/sys/net/ipv4/icmp_ratelimit']));
    for (const server of new Set(getServers().filter((address) => isIP(address) === 4))) {
      await output([...outside, 'route', 'add', 'local', server, 'dev', 'lo']);
    }
    return host;
  }

  /** Makes a host on a LAN: its wire ends in the LAN's namespace as the link `port`. */
  static async createOn(lan: string, port: string, name: string, address: string): Promise<Host> {
    const host = new Host(name, address);
    await host.#connect(lan, port);
    return host;
  }

  /** Makes the host's namespace, with a wire to a link in another one. */
  async #connect(namespace: string, link: string): Promise<void> {
    await output(['ip', 'netns', 'add', this.name]);
    const inside = ['ip', '-n', this.name];
    const peer = ['peer', 'name', link, 'netns', namespace];
    await output([...inside, 'link', 'add', 'uplink', 'type', 'veth', ...peer]);
    await output([...inside, 'addr', 'add', `${this.address}/24`, 'dev', 'uplink']);
    for (const own of ['lo', 'uplink']) await output([...inside, 'link', 'set', own, 'up']);
  }

  /** Gives it a small disk of its own for what it keeps; before it is started. */
  async limitDisk(megabytes: number): Promise<void> {
    mkdirSync(this.dataRoot, { recursive: true });
    await output(['mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, this.name, this.dataRoot]);
  }

  /** Gives it a file system in memory for what it needs while it runs, as /run is on most hosts; before it is started. */
  async keepRunInMemory(): Promise<void> {
    mkdirSync(this.execRoot, { recursive: true });
    await output(['mount', '-t', 'tmpfs', this.name, this.execRoot]);
  }

  /** A command line as it runs on the host. nsenter, unlike `ip netns exec`, keeps the mount namespace. */
  inside(argv: readonly string[]): string[] {
    return ['nsenter', `--net=/run/netns/${this.name}`, ...argv];
  }

  /** A command line as it runs on the neighbour. */
  outside(argv: readonly string[]): string[] {
    return ['nsenter', `--net=/run/netns/${this.neighbour}`, ...argv];
  }

  /** Starts gantryd, with flags beside those that every host has, and waits until it answers. */
  async start(flags: readonly string[] = []): Promise<void> {
    this.#daemon = await this.startDaemon(flags);
  }

  /** Process id of gantryd, or of its manager. */
  pid(daemon: DaemonName): number {
    return Number(readFileSync(join(this.execRoot, `${daemon}.pid`), 'utf8'));
  }

  /** Sends gantryd a signal and waits until it has ended. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const ended = new Promise((done) => daemon.once('exit', done));
    daemon.kill(signal);
    await ended;
  }

  /** Ends gantryd and its manager at once, as if both had crashed; containers go on. */
  async kill(): Promise<void> {
    const manager = this.pid('manager');
    await this.stop('SIGKILL');
    process.kill(manager, 'SIGKILL');
  }

  /** Everything down, the directory removed; for after the checks. */
  async destroy(): Promise<void> {
    if (!(await this.listens())) await this.start().catch(() => undefined);
    await this.gantry(['system', 'stop', '--force'], { timeoutMs: 60_000 });
    await this.stop('SIGKILL');
    await runCommand(['ip', 'netns', 'del', this.name]);
    // A host on a LAN has none.
    await runCommand(['ip', 'netns', 'del', this.neighbour]);
    // Most have neither a limited disk nor files in memory.
    for (const root of [this.dataRoot, this.execRoot]) await runCommand(['umount', root]);
    await rm(this.directory, { recursive: true, force: true });
  }
}
