/**
 * A lab: hosts that can lose their power, on one LAN. It goes on when the process that made it ends; any other finds it by
 * its directory. Two labs on a machine have two directories, and so nothing in common.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import { Bridge, type Way } from './bridge.ts';
import { Cgroup } from './cgroup.ts';
import { PoweredHost } from './powered-host.ts';

/** Of a /24, without the network, its broadcast, and some to spare. */
export const MAX_HOSTS = 50;
/** Of unix(7), with the terminating zero. */
const MAX_SOCKET_PATH = 108;

export class Lab {
  readonly directory: string;
  readonly hosts: readonly PoweredHost[];
  readonly #bridge: Bridge;

  private constructor(directory: string, count: number) {
    const id = labId(directory);
    this.directory = directory;
    this.#bridge = new Bridge(`${id}-lan`);
    this.hosts = Array.from({ length: count }, (_, index) => {
      const name = `h${index + 1}`;
      const place = { name, directory: join(directory, name), address: `10.99.0.${index + 1}` };
      return new PoweredHost({ ...place, bridge: this.#bridge, cgroup: `${id}/${name}` });
    });
  }

  /** With hosts h1 to hN, which are off. ALREADY_EXISTS when there is one in the directory, or anything else. */
  static async create(path: string, count: number): Promise<Lab> {
    const directory = resolve(path);
    const lab = new Lab(directory, count);
    checkDirectory(directory, count);
    // One whose directory was removed may still run.
    await Lab.destroy(directory);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, MARKER), `${JSON.stringify({ hosts: count })}\n`);
    await Bridge.create(lab.#bridge.namespace);
    return lab;
  }

  /** One that is there, in whatever state. NOT_FOUND. */
  static open(path: string): Lab {
    const directory = resolve(path);
    const count = readCount(directory);
    if (count !== undefined) return new Lab(directory, count);
    throw new GantryError('NOT_FOUND', `there is no lab in ${directory}`, {
      hint: '"up 3" makes one; with GANTRY_LAB it can be in another directory',
    });
  }

  /** Removes the lab with all that belongs to it, also what is left of one half made or half gone. False: nothing was there. */
  static async destroy(path: string): Promise<boolean> {
    const directory = resolve(path);
    const id = labId(directory);
    const marked = readCount(directory);
    const cgroup = new Cgroup(id);
    const rest = cgroup.directories.some((group) => existsSync(group)) || existsSync(`/run/netns/${id}-lan`);
    if (marked === undefined && !rest) return false;
    const lab = new Lab(directory, marked ?? MAX_HOSTS);
    await Promise.all(lab.hosts.map((host) => host.destroy()));
    await lab.#bridge.destroy();
    cgroup.remove();
    await rm(join(directory, MARKER), { force: true });
    removeIfEmpty(directory);
    return true;
  }

  /** NOT_FOUND, with the names that there are. */
  host(name: string): PoweredHost {
    const found = this.hosts.find((host) => host.name === name);
    if (found !== undefined) return found;
    const names = this.hosts.map((host) => host.name);
    throw new GantryError('NOT_FOUND', `there is no host "${name}"`, { hint: `there are ${names.join(', ')}` });
  }

  /** What `from` sends to `to` is lost from here on. Idempotent. */
  async cut(from: PoweredHost, to: PoweredHost): Promise<void> {
    await this.#bridge.cut({ from: from.port, to: to.port });
  }

  /** Both ways. Idempotent. */
  async heal(one: PoweredHost, other: PoweredHost): Promise<void> {
    await this.#bridge.heal({ from: one.port, to: other.port });
    await this.#bridge.heal({ from: other.port, to: one.port });
  }

  /** Every link, and every host that is slow. What is off or killed stays so. */
  async healAll(): Promise<void> {
    await this.#bridge.healAll();
    await Promise.all(this.hosts.map((host) => host.heal()));
  }

  /** By names of hosts. */
  cuts(): Promise<Way[]> {
    return this.#bridge.cuts();
  }
}

/** Says that the directory is a lab's, and of how many hosts. */
const MARKER = 'lab.json';

/** What its names in the kernel begin with. */
export function labId(directory: string): string {
  return `gl-${createHash('sha256').update(directory).digest('hex').slice(0, 8)}`;
}

function readCount(directory: string): number | undefined {
  const file = join(directory, MARKER);
  if (!existsSync(file)) return undefined;
  const { hosts } = JSON.parse(readFileSync(file, 'utf8')) as { hosts: number };
  return hosts;
}

function checkDirectory(directory: string, count: number): void {
  if (readCount(directory) !== undefined) {
    throw new GantryError('ALREADY_EXISTS', `there is a lab in ${directory} already`, {
      hint: '"down" removes it; with GANTRY_LAB another one can be in another directory',
    });
  }
  if (existsSync(directory) && readdirSync(directory).length > 0) {
    throw new GantryError('ALREADY_EXISTS', `${directory} has other files in it`, {
      hint: 'set GANTRY_LAB to a directory that is empty or not there yet',
    });
  }
  const socket = join(directory, `h${count}`, 'run/gantry.sock');
  if (socket.length < MAX_SOCKET_PATH) return;
  throw new GantryError('INVALID_ARGUMENT', `${directory} is too long for the path of a socket`, {
    hint: 'set GANTRY_LAB to a shorter one',
  });
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    // The user has put something there, or it was never made.
    if (!['ENOENT', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
