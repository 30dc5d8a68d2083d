/** Docker's daemon to measure against: in a network namespace of its own, with roots of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { output, runCommand } from '../lab/command.ts';
import { until } from '../lab/until.ts';

export class DockerPeer {
  readonly #namespace = `gl-docker-${process.pid}`;
  readonly #neighbour = `gl-docker-${process.pid}-n`;
  readonly #directory = mkdtempSync(join(tmpdir(), 'gantry-docker-'));
  #daemon: ChildProcess | undefined;

  /** Undefined where Debian's docker.io isn't installed. */
  static async start(): Promise<DockerPeer | undefined> {
    if ((await runCommand(['sh', '-c', 'command -v dockerd containerd'])).code !== 0) return undefined;
    const peer = new DockerPeer();
    await peer.#start();
    return peer;
  }

  get #host(): string {
    return `unix://${this.#directory}/docker.sock`;
  }

  command(args: readonly string[]): string[] {
    return ['nsenter', `--net=/run/netns/${this.#namespace}`, 'docker', '-H', this.#host, ...args];
  }

  async #start(): Promise<void> {
    await output(['ip', 'netns', 'add', this.#namespace]);
    await output(['ip', '-n', this.#namespace, 'link', 'set', 'lo', 'up']);
    // As /run is on most hosts.
    await output(['mkdir', join(this.#directory, 'run')]);
    await output(['mount', '-t', 'tmpfs', this.#namespace, join(this.#directory, 'run')]);
    const log = openSync(join(this.#directory, 'dockerd.log'), 'a');
    const argv = [`--net=/run/netns/${this.#namespace}`, 'dockerd', '-H', this.#host];
    argv.push('--data-root', join(this.#directory, 'data'), '--exec-root', join(this.#directory, 'run'));
    argv.push('--pidfile', join(this.#directory, 'dockerd.pid'));
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
    const [host, neighbour] = [this.#namespace, this.#neighbour];
    await output(['ip', 'netns', 'add', neighbour]);
    await output(['ip', '-n', host, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', neighbour]);
    for (const [namespace, address] of [
      [host, DockerPeer.ADDRESS],
      [neighbour, '10.98.0.2'],
    ] as const) {
      await output(['ip', '-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0']);
      await output(['ip', '-n', namespace, 'link', 'set', 'eth0', 'up']);
    }
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
