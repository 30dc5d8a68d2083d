/** Docker's daemon to measure against: in a network namespace of its own, with roots of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { output, runCommand } from '../lab/command.ts';
import { until } from '../lab/until.ts';

/** Debian's own, of the daemon's version: another one may be earlier in the path. */
const CLI = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : 'docker';

const NEIGHBOUR_ADDRESS = '10.98.0.2';

export class DockerPeer {
  readonly #namespace = `gl-docker-${process.pid}`;
  readonly #neighbour = `gl-docker-${process.pid}-n`;
  readonly #directory = mkdtempSync(join(tmpdir(), 'gantry-docker-'));
  #daemon: ChildProcess | undefined;

  /** Undefined where Debian's docker.io isn't installed. */
  static async start(flags: readonly string[] = []): Promise<DockerPeer | undefined> {
    if ((await runCommand(['sh', '-c', 'command -v dockerd containerd'])).code !== 0) return undefined;
    const peer = new DockerPeer();
    try {
      await peer.#start(flags);
      return peer;
    } catch (error) {
      await peer.stop();
      throw error;
    }
  }

  get #host(): string {
    return `unix://${this.#directory}/docker.sock`;
  }

  get dataRoot(): string {
    return join(this.#directory, 'data');
  }

  /** Of its daemon. */
  get pid(): number {
    return this.#daemon?.pid ?? 0;
  }

  command(args: readonly string[]): string[] {
    return ['nsenter', `--net=/run/netns/${this.#namespace}`, CLI, '-H', this.#host, ...args];
  }

  async #start(flags: readonly string[]): Promise<void> {
    await output(['ip', 'netns', 'add', this.#namespace]);
    await output(['ip', '-n', this.#namespace, 'link', 'set', 'lo', 'up']);
    // As /run is on most hosts.
    await output(['mkdir', join(this.#directory, 'run')]);
    await output(['mount', '-t', 'tmpfs', this.#namespace, join(this.#directory, 'run')]);
    const log = openSync(join(this.#directory, 'dockerd.log'), 'a');
    const argv = [`--net=/run/netns/${this.#namespace}`, 'dockerd', '-H', this.#host];
    argv.push('--data-root', this.dataRoot, '--exec-root', join(this.#directory, 'run'));
    argv.push('--pidfile', join(this.#directory, 'dockerd.pid'), ...flags);
    this.#daemon = spawn('nsenter', argv, { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    await until('dockerd', async () => (await runCommand(this.command(['version']))).code === 0, 60_000);
  }

  /** As its neighbour reaches it. */
  static readonly ADDRESS = '10.98.0.1';

  /** A command line as it runs on a neighbour of the daemon's host. */
  outside(argv: readonly string[]): string[] {
    return ['nsenter', `--net=/run/netns/${this.#neighbour}`, ...argv];
  }

  async addNeighbour(): Promise<void> {
    await output(['ip', 'netns', 'add', this.#neighbour]);
    await this.connect(this.#neighbour);
  }

  /** Makes another network namespace its neighbour. */
  async connect(neighbour: string): Promise<void> {
    const host = this.#namespace;
    await output([
      'ip',
      '-n',
      host,
      'link',
      'add',
      'eth0',
      'type',
      'veth',
      'peer',
      'name',
      'docker',
      'netns',
      neighbour,
    ]);
    for (const [namespace, link, address] of [
      [host, 'eth0', DockerPeer.ADDRESS],
      [neighbour, 'docker', NEIGHBOUR_ADDRESS],
    ] as const) {
      await output(['ip', '-n', namespace, 'address', 'add', `${address}/24`, 'dev', link]);
      await output(['ip', '-n', namespace, 'link', 'set', link, 'up']);
    }
  }

  /** Lets it reach what else the neighbour has. */
  async routeThroughNeighbour(address: string): Promise<void> {
    await output(['ip', '-n', this.#namespace, 'route', 'add', address, 'via', NEIGHBOUR_ADDRESS]);
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon !== undefined && daemon.exitCode === null) {
      const ended = new Promise((done) => daemon.once('exit', done));
      daemon.kill('SIGTERM');
      await ended;
    }
    await runCommand(['ip', 'netns', 'del', this.#namespace]);
    // Most have none.
    await runCommand(['ip', 'netns', 'del', this.#neighbour]);
    await runCommand(['sh', '-c', `grep -o "${this.#directory}[^ ]*" /proc/mounts | sort -r | xargs -r umount -l`]);
    await rm(this.#directory, { recursive: true, force: true });
  }
}
