/** -v, --mount and --tmpfs. */
import { isAbsolute, resolve } from 'node:path';
import { Mount, MountType } from '../../proto/generated/gantry/v1/types.ts';
import { TMPFS_OPTION, TMPFS_OPTIONS_HINT } from '../../proto/tmpfs-options.ts';
import { invalidFlag } from '../command-line.ts';
import { parseBytes } from '../compose/syntax/quantities.ts';

const VOLUME_HINT = 'write [SOURCE:]/TARGET[:ro]; SOURCE is a host path (/data, ./data) or a volume name';
const PROPAGATIONS = new Set(['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave']);
const RECURSIONS = new Set(['enabled', 'disabled', 'writable', 'readonly']);
const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** `/target`, `name:/target[:options]`, `/host/path:/target[:options]`; a relative host path starts with a dot. */
export function parseVolume(text: string, cwd: string): Mount {
  const [first = '', second, options = '', ...more] = text.split(':');
  if (more.length > 0) throw invalidFlag('-v', text, VOLUME_HINT);
  if (second === undefined)
    return Mount.create({ type: MountType.VOLUME, target: absolute(text, first), ...NEW_VOLUME });
  const mount = sourceMount(text, first, absolute(text, second), cwd);
  for (const option of options === '' ? [] : options.split(',')) applyVolumeOption(mount, option, text);
  return mount;
}

const NEW_VOLUME = { volume: { driver: '', driverOpts: {}, labels: {} } };

function sourceMount(text: string, source: string, target: string, cwd: string): Mount {
  if (isAbsolute(source) || /^\.{1,2}(\/|$)/.test(source)) {
    // As Docker's -v, and unlike --mount, a missing host path is made.
    return Mount.create({ type: MountType.BIND, source: resolve(cwd, source), target, bindCreateHostPath: true });
  }
  if (!VOLUME_NAME.test(source)) throw invalidFlag('-v', text, VOLUME_HINT);
  return Mount.create({ type: MountType.VOLUME, source, target, ...NEW_VOLUME });
}

function applyVolumeOption(mount: Mount, option: string, text: string): void {
  if (option === 'ro') mount.readOnly = true;
  else if (option === 'nocopy' && mount.type === MountType.VOLUME) mount.volumeNoCopy = true;
  else if (PROPAGATIONS.has(option) && mount.type === MountType.BIND) mount.bindPropagation = option;
  else if (option !== 'rw') throw invalidFlag('-v', text, `the option "${option}" is not known; ${VOLUME_HINT}`);
}

function absolute(text: string, target: string): string {
  if (!isAbsolute(target) || target === '/') {
    throw invalidFlag('-v', text, `the path in the container must be absolute and not "/"; ${VOLUME_HINT}`);
  }
  return target;
}

const MOUNT_HINT = 'write type=bind|volume|tmpfs|image,source=...,target=/...[,readonly]';

/** `type=volume,source=data,target=/data,readonly`. */
export function parseMount(text: string, cwd: string, flag = '--mount'): Mount {
  const mount = Mount.create({ type: MountType.VOLUME });
  for (const [key, value] of mountFields(text))
    applyMountField(mount, key, value, (reason) => invalidFlag(flag, text, reason));
  if (mount.target === '') throw invalidFlag(flag, text, `target is missing; ${MOUNT_HINT}`);
  if (mount.type === MountType.BIND) {
    if (mount.source === '') throw invalidFlag(flag, text, `source is missing; ${MOUNT_HINT}`);
    mount.source = resolve(cwd, mount.source);
    mount.volume = undefined;
  } else if (mount.type === MountType.TMPFS && mount.source !== '') {
    throw invalidFlag(flag, text, 'a tmpfs has no source');
  } else if (mount.type === MountType.IMAGE) {
    if (mount.source === '') throw invalidFlag(flag, text, `source is missing; ${MOUNT_HINT}`);
    mount.readOnly = true;
    mount.volume = undefined;
  }
  return mount;
}

function mountFields(text: string): [string, string][] {
  return text.split(',').map((field) => {
    const equals = field.indexOf('=');
    return equals === -1 ? [field, ''] : [field.slice(0, equals), field.slice(equals + 1)];
  });
}

const MOUNT_TYPES: Readonly<Record<string, Mount['type']>> = {
  bind: MountType.BIND,
  volume: MountType.VOLUME,
  tmpfs: MountType.TMPFS,
  image: MountType.IMAGE,
};

function applyMountField(mount: Mount, key: string, value: string, fail: (reason: string) => Error): void {
  switch (key.toLowerCase()) {
    case 'type': {
      const type = MOUNT_TYPES[value];
      if (type === undefined) throw fail(`the type "${value}" is not supported; ${MOUNT_HINT}`);
      mount.type = type;
      return;
    }
    case 'source':
    case 'src':
      mount.source = value;
      return;
    case 'target':
    case 'dst':
    case 'destination':
      if (!isAbsolute(value) || value === '/') throw fail('the target must be an absolute path and not "/"');
      mount.target = value;
      return;
    case 'readonly':
    case 'ro':
      mount.readOnly = isSet(value);
      return;
    case 'bind-propagation':
      if (!PROPAGATIONS.has(value)) throw fail(`bind-propagation is one of ${[...PROPAGATIONS].join(', ')}`);
      mount.bindPropagation = value;
      return;
    case 'bind-recursive':
      if (!RECURSIONS.has(value)) throw fail(`bind-recursive is one of ${[...RECURSIONS].join(', ')}`);
      mount.bindRecursive = value;
      return;
    case 'volume-subpath':
    case 'image-subpath':
      mount.subpath = value;
      return;
    case 'volume-nocopy':
      mount.volumeNoCopy = isSet(value);
      return;
    case 'volume-driver':
      volumeOf(mount).driver = value;
      return;
    case 'volume-opt':
      assign(volumeOf(mount).driverOpts, value);
      return;
    case 'volume-label':
      assign(volumeOf(mount).labels, value);
      return;
    case 'tmpfs-size':
      mount.tmpfsSizeBytes = parseBytes(value) ?? raise(fail('tmpfs-size is a size such as 64m'));
      return;
    case 'tmpfs-mode':
      mount.tmpfsMode = octal(value) ?? raise(fail('tmpfs-mode is octal, such as 1770'));
      return;
    default:
      throw fail(`the key "${key}" is not supported; ${MOUNT_HINT}`);
  }
}

function volumeOf(mount: Mount): NonNullable<Mount['volume']> {
  mount.volume ??= { driver: '', driverOpts: {}, labels: {} };
  return mount.volume;
}

function assign(record: Record<string, string>, pair: string): void {
  const [key = '', ...value] = pair.split('=');
  record[key] = value.join('=');
}

function isSet(value: string): boolean {
  return value === '' || value === 'true' || value === '1';
}

function octal(text: string): number | undefined {
  return /^[0-7]{3,5}$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

function raise(error: Error): never {
  throw error;
}

/** `/path[:size=64m,mode=1777,...]`. */
export function parseTmpfs(text: string): Mount {
  const [target = '', options = ''] = text.split(/:(.*)/s);
  if (!isAbsolute(target)) throw invalidFlag('--tmpfs', text, 'write /PATH[:size=64m,mode=1777]');
  const mount = Mount.create({ type: MountType.TMPFS, target });
  for (const option of options === '' ? [] : options.split(',')) {
    const [key = '', value = ''] = option.split('=');
    // These four are how every tmpfs is mounted here.
    if (['rw', 'nosuid', 'nodev', 'noexec'].includes(key)) continue;
    if (key === 'ro') mount.readOnly = true;
    else if (key === 'size')
      mount.tmpfsSizeBytes = parseBytes(value) ?? raise(invalidFlag('--tmpfs', text, 'size is such as 64m'));
    else if (key === 'mode')
      mount.tmpfsMode = octal(value) ?? raise(invalidFlag('--tmpfs', text, 'mode is octal, such as 1770'));
    else if (TMPFS_OPTION.test(option)) mount.tmpfsOptions.push(option);
    else throw invalidFlag('--tmpfs', text, `it takes size=, mode=, ro, rw, ${TMPFS_OPTIONS_HINT}`);
  }
  return mount;
}
