/**
 * A host's own cgroup, in every hierarchy of the machine: all its processes are in it, its containers' below it. The
 * kernel knows through it which processes a host has, also when nobody has kept their ids.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from '../../proto/errors.ts';

/** One mount of cgroups: with version 1 there are several, with some controllers each. */
export interface Hierarchy {
  readonly mountPoint: string;
  readonly version: 1 | 2;
}

/** With version 2 a group with controllers for others has no processes itself: the daemons' are one below. */
const LEAF = 'daemons';
const V1_QUOTA = 'cpu.cfs_quota_us';
const PERIOD_US = 100_000;

export function findHierarchies(mounts = readFileSync('/proc/self/mounts', 'utf8')): Hierarchy[] {
  return mounts.split('\n').flatMap((line): Hierarchy[] => {
    const [, mountPoint = '', type] = line.split(' ');
    if (type === 'cgroup') return [{ mountPoint, version: 1 }];
    return type === 'cgroup2' ? [{ mountPoint, version: 2 }] : [];
  });
}

export class Cgroup {
  /** Below the root of each hierarchy. */
  readonly path: string;
  readonly hierarchies = findHierarchies();

  constructor(path: string) {
    this.path = path;
  }

  /** The group's directories, and for version 2 the one that its daemons are in: where its first process goes. */
  get entrances(): string[] {
    return this.hierarchies.map(({ mountPoint, version }) => join(mountPoint, this.path, version === 2 ? LEAF : ''));
  }

  /** The same as seen from inside, where the group is the root. */
  get innerEntrances(): string[] {
    return this.hierarchies.map(({ mountPoint, version }) => join(mountPoint, version === 2 ? LEAF : ''));
  }

  /** The group's directory in each hierarchy. */
  get directories(): string[] {
    return this.hierarchies.map(({ mountPoint }) => join(mountPoint, this.path));
  }

  /** With version 2 it gets the controllers that the machine's root gives; it is for its first process to give them on. */
  create(): void {
    for (const { mountPoint, version } of this.hierarchies) {
      let directory = mountPoint;
      for (const name of this.path.split('/')) {
        const parent = directory;
        directory = join(parent, name);
        mkdirSync(directory, { recursive: true });
        if (version === 1) inheritProcessors(parent, directory);
        else if (parent !== mountPoint) delegateControllers(parent);
      }
      if (version === 2) mkdirSync(join(directory, LEAF), { recursive: true });
    }
  }

  /** Of the daemons and of all containers, by the machine's numbers. */
  pids(): number[] {
    const [directory] = this.directories;
    return directory === undefined ? [] : groupsBelow(directory).flatMap(pidsIn);
  }

  /** Only for groups without processes. Idempotent. */
  remove(): void {
    for (const directory of this.directories) for (const group of groupsBelow(directory)) removeDirectory(group);
  }

  /** Of one processor, for all of the group together; undefined: as much as there is. */
  limitProcessor(percent: number | undefined): void {
    const file = this.#processorFile();
    if (file === undefined && percent === undefined) return;
    if (file === undefined) {
      throw new GantryError('UNSUPPORTED', "this machine's cgroups can't limit processors", {
        hint: 'the controller "cpu" is missing, or not given on by the root of its cgroups',
      });
    }
    const quota = percent === undefined ? undefined : Math.round((PERIOD_US * percent) / 100);
    writeFileSync(file, file.endsWith(V1_QUOTA) ? String(quota ?? -1) : `${quota ?? 'max'} ${PERIOD_US}`);
  }

  /** What {@link limitProcessor} has set. */
  processorLimit(): number | undefined {
    const file = this.#processorFile();
    if (file === undefined) return undefined;
    const quota = Number.parseInt(readFileSync(file, 'utf8'), 10);
    return quota > 0 ? (quota / PERIOD_US) * 100 : undefined;
  }

  #processorFile(): string | undefined {
    const files = this.directories.flatMap((directory) => [join(directory, V1_QUOTA), join(directory, 'cpu.max')]);
    return files.find((file) => existsSync(file));
  }
}

/** Version 1: a group starts without processors and memory, and takes no process until it has some. */
function inheritProcessors(parent: string, directory: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (existsSync(join(directory, file))) writeFileSync(join(directory, file), readFileSync(join(parent, file)));
  }
}

/** Version 2: what the group has been given it gives to those below. */
function delegateControllers(directory: string): void {
  const controllers = readFileSync(join(directory, 'cgroup.controllers'), 'utf8').trim();
  if (controllers === '') return;
  writeFileSync(join(directory, 'cgroup.subtree_control'), controllers.replace(/\S+/g, '+$&'));
}

/** The innermost first, itself last. */
function groupsBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const below = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...below.flatMap(({ name }) => groupsBelow(join(directory, name))), directory];
}

function pidsIn(group: string): number[] {
  const text = unlessGone(() => readFileSync(join(group, 'cgroup.procs'), 'utf8')) ?? '';
  return text.split('\n').flatMap((line) => (line === '' ? [] : [Number(line)]));
}

function removeDirectory(directory: string): void {
  unlessGone(() => rmdirSync(directory));
}

/** Groups and processes end while one looks at them. */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
