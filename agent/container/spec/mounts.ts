/** The mounts of a container, in the order in which the runtime makes them. */
import { posix } from 'node:path';
import { GantryError } from '../../../proto/errors.ts';
import { type Mount, MountType } from '../../../proto/generated/gantry/v1/types.ts';
import { TMPFS_OPTION, TMPFS_OPTIONS_HINT } from '../../../proto/tmpfs-options.ts';
import type { OciMount } from './oci.ts';

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;
const DEFAULT_TMPFS_MODE = 0o1777;
const PROPAGATIONS = new Set(['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave']);

/** What a user asked for, with volumes and host paths found. */
export type ResolvedMount =
  | {
      readonly kind: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly propagation: string;
      /** As `Mount.bindRecursive`; left out: as that is by default. */
      readonly recursive?: string;
      /** Flags beside those: "nosuid" */
      readonly flags?: readonly string[];
    }
  | {
      readonly kind: 'tmpfs';
      readonly target: string;
      readonly readOnly: boolean;
      readonly sizeBytes: number;
      /** 0: 01777 */
      readonly mode: number;
      /** In place of the default ones, or beside them. */
      readonly options?: readonly string[];
      /** Programs in it can be run. */
      readonly executable?: true;
    };

/** A file or directory of gantryd's that appears in the container: /etc/hosts, a secret, the init. */
export interface OwnBind {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** "new": an IPC namespace with a /dev/shm of its own; otherwise what is bound there, of the host or of another container. */
export type SharedMemory =
  | { readonly kind: 'new'; readonly sizeBytes: number }
  | { readonly kind: 'shared'; readonly source: string };

export interface MountRequest {
  readonly mounts: readonly ResolvedMount[];
  readonly binds: readonly OwnBind[];
  readonly sharedMemory: SharedMemory;
  readonly privileged: boolean;
}

/** Defaults first, then everything else parents before children; what a user mounts replaces ours at the same place. */
export function buildMounts(request: MountRequest): OciMount[] {
  const wanted = request.mounts.map(userMount);
  const taken = new Set(wanted.map(({ destination }) => destination));
  const defaults = defaultMounts(request).filter(({ destination }) => !taken.has(destination));
  const own = request.binds.map(ownMount).filter(({ destination }) => !taken.has(destination));
  return [...defaults, ...[...wanted, ...own].sort((left, right) => depth(left) - depth(right))];
}

function defaultMounts({ privileged, sharedMemory }: MountRequest): OciMount[] {
  const access = privileged ? 'rw' : 'ro';
  const restricted = ['nosuid', 'noexec', 'nodev'];
  return [
    mount('/proc', 'proc', 'proc', restricted),
    mount('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    mount('/dev/pts', 'devpts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']),
    mount('/sys', 'sysfs', 'sysfs', [...restricted, access]),
    mount('/sys/fs/cgroup', 'cgroup', 'cgroup', [...restricted, 'relatime', access]),
    mount('/dev/mqueue', 'mqueue', 'mqueue', restricted),
    sharedMemoryMount(sharedMemory, restricted),
  ];
}

function sharedMemoryMount(sharedMemory: SharedMemory, restricted: readonly string[]): OciMount {
  if (sharedMemory.kind === 'shared') return mount('/dev/shm', 'bind', sharedMemory.source, ['rbind', 'rprivate']);
  const size = sharedMemory.sizeBytes === 0 ? DEFAULT_SHM_BYTES : sharedMemory.sizeBytes;
  return mount('/dev/shm', 'tmpfs', 'shm', [...restricted, 'mode=1777', `size=${size}`]);
}

function userMount(wanted: ResolvedMount): OciMount {
  const access = wanted.readOnly ? 'ro' : 'rw';
  const target = validTarget(wanted.target);
  if (wanted.kind === 'bind') {
    const bind = wanted.recursive === 'disabled' ? 'bind' : 'rbind';
    const below = wanted.readOnly && wanted.recursive === 'readonly' ? ['rro'] : [];
    const options = [bind, wanted.propagation || 'rprivate', access, ...below, ...(wanted.flags ?? [])];
    return mount(target, 'bind', wanted.source, options);
  }
  const mode = `mode=${(wanted.mode || DEFAULT_TMPFS_MODE).toString(8)}`;
  const defaults = [...(wanted.executable ? [] : ['noexec']), 'nosuid', 'nodev'];
  const options = [...tmpfsFlags(defaults, wanted.options ?? []), access, mode];
  if (wanted.sizeBytes > 0) options.push(`size=${wanted.sizeBytes}`);
  return mount(target, 'tmpfs', 'tmpfs', options);
}

/** "exec" takes the place of "noexec". */
function tmpfsFlags(defaults: readonly string[], options: readonly string[]): string[] {
  const opposite = (option: string) => (option.startsWith('no') ? option.slice(2) : `no${option}`);
  return [...defaults.filter((flag) => !options.includes(opposite(flag)) && !options.includes(flag)), ...options];
}

function ownMount({ source, target, readOnly }: OwnBind): OciMount {
  return mount(target, 'bind', source, ['rbind', 'rprivate', readOnly ? 'ro' : 'rw']);
}

function mount(destination: string, type: string, source: string, options: readonly string[]): OciMount {
  return { destination, type, source, options };
}

function depth({ destination }: OciMount): number {
  return destination.split('/').filter((part) => part !== '').length;
}

/** What the root mount must allow for the mounts' propagation to work; undefined: private. */
export function rootPropagation(mounts: readonly ResolvedMount[]): string | undefined {
  const wanted = mounts.map((one) => (one.kind === 'bind' ? one.propagation : ''));
  if (wanted.some((propagation) => propagation.endsWith('shared'))) return 'shared';
  if (wanted.some((propagation) => propagation.endsWith('slave'))) return 'rslave';
  return undefined;
}

/** Throws INVALID_ARGUMENT for mounts that can't be made, whatever is on the host. */
export function validateMounts(mounts: readonly Mount[]): void {
  const seen = new Set<string>();
  for (const one of mounts) {
    const target = validTarget(one.target);
    if (seen.has(target)) throw new GantryError('INVALID_ARGUMENT', `two mounts at ${target}`);
    seen.add(target);
    validateSource(one);
    validateOptions(one);
    if (one.bindPropagation !== '' && !PROPAGATIONS.has(one.bindPropagation)) {
      throw new GantryError('INVALID_ARGUMENT', `unknown mount propagation "${one.bindPropagation}" at ${target}`, {
        hint: `one of ${[...PROPAGATIONS].join(', ')}`,
      });
    }
  }
}

const TYPES: ReadonlySet<MountType> = new Set([MountType.BIND, MountType.VOLUME, MountType.TMPFS, MountType.IMAGE]);
const RECURSION = new Set(['', 'enabled', 'disabled', 'writable', 'readonly']);

function validateOptions({
  target,
  type,
  subpath,
  bindRecursive,
  readOnly,
  bindPropagation,
  tmpfsOptions,
}: Mount): void {
  const refused = (what: string, hint: string) => {
    throw new GantryError('INVALID_ARGUMENT', `the mount at ${target} ${what}`, { hint });
  };
  if (subpath !== '' && type !== MountType.VOLUME && type !== MountType.IMAGE) {
    refused(`has the subpath "${subpath}"`, 'only volumes and images have one');
  }
  if (posix.isAbsolute(subpath) || posix.normalize(subpath).split('/')[0] === '..') {
    refused(`has the subpath "${subpath}"`, 'it is a relative path within what is mounted');
  }
  if (!RECURSION.has(bindRecursive)) {
    refused(`is "${bindRecursive}" recursively`, 'one of enabled, disabled, writable, readonly');
  }
  if (bindRecursive === 'readonly' && (!readOnly || (bindPropagation !== '' && bindPropagation !== 'rprivate'))) {
    refused(
      'is read-only recursively, but not itself, or not private',
      'mount it read-only, with propagation rprivate',
    );
  }
  const option = tmpfsOptions.find((one) => !TMPFS_OPTION.test(one));
  if (option !== undefined) refused(`has the option "${option}"`, `a tmpfs takes ${TMPFS_OPTIONS_HINT}`);
}

function validateSource({ type, source, target }: Mount): void {
  if (type === MountType.BIND && !posix.isAbsolute(source)) {
    throw new GantryError('INVALID_ARGUMENT', `the source "${source}" of the bind mount at ${target} is not absolute`);
  }
  if (type === MountType.IMAGE && source === '') {
    throw new GantryError('INVALID_ARGUMENT', `the mount at ${target} names no image`, { hint: 'give it a source' });
  }
  if (!TYPES.has(type)) {
    throw new GantryError('INVALID_ARGUMENT', `the mount at ${target} has no type`, {
      hint: 'bind, volume, tmpfs or image',
    });
  }
}

/** A path in a container that something can be mounted at, normalized. Throws INVALID_ARGUMENT. */
export function validTarget(target: string): string {
  const normal = posix.normalize(target).replace(/(.)\/$/, '$1');
  if (posix.isAbsolute(target) && normal !== '/') return normal;
  throw new GantryError('INVALID_ARGUMENT', `"${target}" is not a path in the container to mount at`, {
    hint: 'give an absolute path below /',
  });
}
