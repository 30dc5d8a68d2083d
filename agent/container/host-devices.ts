/** Device nodes of the host, as a container is to have them. */
import { readdirSync, type Stats } from 'node:fs';
import { join, posix } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import type { CgroupSettings, ContainerSpec, Device } from '../../proto/generated/gantry/v1/types.ts';
import type { CdiNode } from './cdi/cdi-spec.ts';
import { type BlockDevices, blockDevicePaths } from './spec/block-io.ts';
import type { HostDevice } from './spec/devices.ts';
import { lstatIfThere, statIfThere } from './stat-if-there.ts';

/** File systems of the container's own below /dev, and nodes that the runtime makes for every container. */
const NOT_SHARED = new Set([
  '/dev/pts',
  '/dev/shm',
  '/dev/mqueue',
  '/dev/fd',
  '/dev/console',
  '/dev/ptmx',
  '/dev/null',
  '/dev/zero',
  '/dev/full',
  '/dev/random',
  '/dev/urandom',
  '/dev/tty',
]);

/** All of the host's for a privileged container, otherwise those asked for. INVALID_ARGUMENT for one that isn't there. */
export function hostDevices(spec: Pick<ContainerSpec, 'devices' | 'privileged'>): HostDevice[] {
  const asked = spec.devices.flatMap(readDevice);
  if (!spec.privileged) return asked;
  const taken = new Set(asked.map(({ path }) => path));
  return [...asked, ...devicesBelow('/dev', '/dev', 'rwm').filter(({ path }) => !taken.has(path))];
}

/** A directory stands for the devices in it. */
function readDevice({ hostPath, containerPath, permissions }: Device): HostDevice[] {
  const target = containerPath === '' ? hostPath : posix.normalize(containerPath);
  const access = permissions === '' ? 'rwm' : permissions;
  const stat = statIfThere(hostPath);
  if (stat?.isDirectory() === true) return devicesBelow(hostPath, target, access);
  const device = stat === undefined ? undefined : toDevice(target, stat, access);
  if (device !== undefined) return [device];
  throw new GantryError('INVALID_ARGUMENT', `${hostPath} is not a device of this host`);
}

/** INVALID_ARGUMENT for one that isn't there. */
export function cdiNode({ path, hostPath, permissions, mode, uid, gid }: CdiNode): HostDevice {
  const stat = statIfThere(hostPath);
  const device = stat === undefined ? undefined : toDevice(path, stat, permissions);
  if (device === undefined) throw new GantryError('INVALID_ARGUMENT', `${hostPath} is not a device of this host`);
  return { ...device, mode: mode ?? device.mode, uid: uid ?? device.uid, gid: gid ?? device.gid };
}

function devicesBelow(directory: string, target: string, access: string): HostDevice[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((item) => {
    const path = join(directory, item.name);
    if (NOT_SHARED.has(path)) return [];
    if (item.isDirectory()) return devicesBelow(path, posix.join(target, item.name), access);
    if (!item.isBlockDevice() && !item.isCharacterDevice()) return [];
    const stat = lstatIfThere(path);
    const device = stat === undefined ? undefined : toDevice(posix.join(target, item.name), stat, access);
    return device === undefined ? [] : [device];
  });
}

function toDevice(path: string, stat: Stats, permissions: string): HostDevice | undefined {
  const type = stat.isBlockDevice() ? 'b' : stat.isCharacterDevice() ? 'c' : undefined;
  if (type === undefined) return undefined;
  const { major, minor } = deviceNumbers(stat.rdev);
  return { path, type, major, minor, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, permissions };
}

/** The disks that the settings name. INVALID_ARGUMENT for one that isn't there. */
export function hostBlockDevices(settings: CgroupSettings | undefined): BlockDevices {
  const paths = settings === undefined ? [] : blockDevicePaths(settings);
  return new Map(
    paths.map((path) => {
      const stat = statIfThere(path);
      if (stat?.isBlockDevice() === true) return [path, deviceNumbers(stat.rdev)] as const;
      throw new GantryError('INVALID_ARGUMENT', `${path} is not a block device of this host`, {
        hint: 'name the whole disk; lsblk lists them',
      });
    }),
  );
}

/** As glibc's gnu_dev_major and gnu_dev_minor, for the 32 bits that Linux uses. */
export function deviceNumbers(rdev: number): { major: number; minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}
