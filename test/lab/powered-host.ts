/**
 * A host that can lose its power: it has namespaces of its own of every kind, whose first process is its power. Everything
 * about it that lasts is in its directory and in the kernel, so that any process can find it again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { initBinaryPath } from '../../native/addon/native.ts';
import { GantryError } from '../../proto/errors.ts';
import { type Bridge, limitCommand } from './bridge.ts';
import { Cgroup } from './cgroup.ts';
import { output, runCommand } from './command.ts';
import { type DaemonName, EngineHost, type HostPlace, ROOT } from './engine-host.ts';
import { until } from './until.ts';

export type HostState = 'off' | 'gantryd down' | 'up';

export interface PoweredHostOptions extends HostPlace {
  readonly bridge: Bridge;
  /** Below the root of the machine's cgroups. */
  readonly cgroup: string;
}

/** Joins the host's cgroups and changes to a directory, which a new mount namespace forgets: DIRECTORY… -- CWD ARGV. */
const RESIDENT =
  'while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs"; shift; done; cd "$2" 2>/dev/null || cd /; shift 2; exec "$@"';

export class PoweredHost extends EngineHost {
  readonly #bridge: Bridge;
  readonly #cgroup: Cgroup;

  constructor({ bridge, cgroup, ...place }: PoweredHostOptions) {
    super(place);
    this.#bridge = bridge;
    this.#cgroup = new Cgroup(cgroup);
  }

  /** Its end of the wire is "uplink"; the LAN's has the host's name. */
  get port(): string {
    return this.name;
  }

  get state(): HostState {
    if (this.#firstProcess() === undefined) return 'off';
    return this.pid('gantryd') === undefined ? 'gantryd down' : 'up';
  }

  inside(argv: readonly string[]): string[] {
    const first = this.#firstProcess();
    if (first === undefined) {
      throw new GantryError('WRONG_STATE', `${this.name} is off`, { hint: `"start ${this.name}" powers it on` });
    }
    return ['nsenter', `--target=${first}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', ...argv];
  }

  override resident(argv: readonly string[]): string[] {
    const join = ['sh', '-c', RESIDENT, 'sh', ...this.#cgroup.innerEntrances, '--', process.cwd()];
    return this.inside([...join, ...argv]);
  }

  /** Environment for a user's own commands on the host. */
  get environment(): Record<string, string> {
    const path = [join(ROOT, 'cli/bin'), join(ROOT, 'agent/bin'), process.env.PATH ?? ''].join(':');
    return { GANTRY_HOST: this.socket, PATH: path };
  }

  /** Powers it on if it is off, and starts gantryd if that isn't running, with flags beside those that every host has. */
  async start(flags: readonly string[] = []): Promise<void> {
    if (this.state === 'off') await this.#powerOn();
    if (this.state === 'up') return;
    const daemon = await this.startDaemon(flags);
    daemon.unref();
  }

  /** Process id of a daemon, by the machine's numbers; undefined: it doesn't run. */
  pid(daemon: DaemonName): number | undefined {
    const file = join(this.execRoot, `${daemon}.pid`);
    if (!existsSync(file)) return undefined;
    const inner = Number(readFileSync(file, 'utf8'));
    return this.#cgroup.pids().find((pid) => isInner(pid, inner));
  }

  /** Kills a daemon; containers go on. False: it didn't run. */
  async kill(daemon: DaemonName): Promise<boolean> {
    const pid = this.pid(daemon);
    if (pid === undefined) return false;
    kill(pid);
    await until(`${daemon} to end`, () => !existsSync(`/proc/${pid}`));
    return true;
  }

  /**
   * All at once: nobody on the wire hears of it, every process dies, mounts, links and what was in memory are gone. Unlike
   * without current, what was written but not yet synced is kept: it is the machine's memory that has it.
   */
  async powerOff(): Promise<void> {
    // First, as the kernel would close the connections of what it kills.
    await this.#bridge.setConnected(this.port, false).catch(() => undefined);
    const first = this.#firstProcess();
    if (first !== undefined) kill(first);
    // Without a first process there is nothing, but for what was killed while it was made.
    else for (const pid of this.#cgroup.pids()) kill(pid);
    await until(`all of ${this.name} to end`, () => this.#cgroup.pids().length === 0);
    await this.#bridge.remove(this.port);
    this.#cgroup.remove();
    await rm(this.execRoot, { recursive: true, force: true });
  }

  /** Limits what goes to the host and what comes from it, each to a rate in tc's language. */
  async limitRate(rate: string): Promise<void> {
    await output(this.inside(limitCommand(['tc'], 'uplink', rate)));
    await this.#bridge.limit(this.port, rate);
  }

  /** Limits all its processes together, containers too, to a part of one processor. */
  limitProcessor(percent: number): void {
    // Throws when it is off.
    this.inside([]);
    this.#cgroup.limitProcessor(percent);
  }

  /** Its plug is in, and nothing slows it. */
  async heal(): Promise<void> {
    if (this.state === 'off') return;
    await this.#bridge.setConnected(this.port, true);
    await this.#bridge.unlimit(this.port);
    await runCommand(this.inside(['tc', 'qdisc', 'del', 'dev', 'uplink', 'root']));
    this.#cgroup.limitProcessor(undefined);
  }

  /** What slows it, as told to users. */
  async slowness(): Promise<string[]> {
    if (this.state === 'off') return [];
    const percent = this.#cgroup.processorLimit();
    const queue = await output(this.inside(['tc', 'qdisc', 'show', 'dev', 'uplink', 'root']));
    const rate = /^qdisc tbf .* rate (\S+)/.exec(queue)?.[1];
    return [...(rate === undefined ? [] : [`rate ${rate}`]), ...(percent === undefined ? [] : [`cpu ${percent} %`])];
  }

  /** Powers it off and removes all it kept. */
  async destroy(): Promise<void> {
    await this.powerOff();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #powerOn(): Promise<void> {
    mkdirSync(this.directory, { recursive: true });
    // What an earlier one left that was killed half-way.
    await this.powerOff();
    this.#cgroup.create();
    const program = this.#spawnPower();
    const first = await until(`${this.name} to come up`, () => {
      if (program.exitCode !== null) throw new Error(readFileSync(this.#powerLog, 'utf8'));
      const pid = this.#firstProcess();
      return pid !== undefined && readlinkSync(`/proc/${pid}/exe`) === initBinaryPath() ? pid : undefined;
    });
    program.unref();
    await this.#bridge.connect(this.port, first);
    await output(this.inside(['ip', 'addr', 'add', `${this.address}/24`, 'dev', 'uplink']));
    await output(this.inside(['ip', 'link', 'set', 'uplink', 'up']));
  }

  get #powerLog(): string {
    return join(this.directory, 'power.log');
  }

  #spawnPower(): ChildProcess {
    const bootId = join(this.directory, 'boot-id');
    writeFileSync(bootId, `${randomUUID()}\n`);
    const environment = {
      HOST_NAME: this.name,
      BOOT_ID: bootId,
      HIERARCHIES: this.#cgroup.hierarchies.map(({ mountPoint }) => mountPoint).join(' '),
      CGROUP: this.#cgroup.path,
      CGROUPS: this.#cgroup.entrances.join(' '),
      INIT: initBinaryPath(),
    };
    const log = openSync(this.#powerLog, 'w');
    const program = spawn('sh', [join(import.meta.dirname, 'power-on')], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    return program;
  }

  /** By the machine's number. */
  #firstProcess(): number | undefined {
    return this.#cgroup.pids().find((pid) => isInner(pid, 1));
  }
}

/** Is it this number in a host's namespace? A container's processes have one number more. */
function isInner(pid: number, inner: number): boolean {
  try {
    const numbers = /^NSpid:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]?.split('\t') ?? [];
    return numbers.length === 2 && Number(numbers[1]) === inner;
  } catch (error) {
    // It has just ended.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
