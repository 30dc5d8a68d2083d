/** Which mounts of a task have data that are on one node only. Pure. */
import { type ContainerSpec, type Mount, MountType } from '../../proto/generated/gantry/v1/types.ts';

const LOCAL = 'local';
/** Options of the local driver that say what to mount: such as an NFS share, or memory. */
const MOUNT_OPTIONS = ['type', 'o', 'device'];

interface MountingSpec {
  readonly container: Pick<ContainerSpec, 'mounts'>;
}

/** Of specs that can't change any more: many tasks have the same. */
const known = new WeakMap<MountingSpec, readonly string[]>();

/**
 * The named volumes whose data are in a directory of the node, as the spec names them, and the host paths that are mounted,
 * which begin with "/". Anonymous volumes go with their container, and what is mounted from elsewhere is where the user says:
 * neither is a reason to be on a node.
 */
export function localVolumesOf(spec: MountingSpec): readonly string[] {
  const found = known.get(spec);
  if (found !== undefined) return found;
  const { mounts } = spec.container;
  const sources = mounts.length === 0 ? [] : [...new Set(mounts.filter(isLocal).map(({ source }) => source))];
  if (Object.isFrozen(spec)) known.set(spec, sources);
  return sources;
}

/** What every host has by itself: to mount it is no reason to be on one. */
const HOSTS_OWN = ['/dev', '/proc', '/run', '/sys', '/var/run'];
/** The same of what is only read. */
const HOSTS_OWN_TO_READ = ['/bin', '/boot', '/etc', '/lib', '/lib64', '/sbin', '/usr'];

export function isHostPath(source: string): boolean {
  return source.startsWith('/');
}

function isOwnPath({ source, readOnly }: Mount): boolean {
  const isIn = (directory: string) => source === directory || source.startsWith(`${directory}/`);
  return HOSTS_OWN.some(isIn) || (readOnly && HOSTS_OWN_TO_READ.some(isIn));
}

function isLocal(mount: Mount): boolean {
  const { type, source, volume } = mount;
  if (type === MountType.BIND) return !isOwnPath(mount);
  if (type !== MountType.VOLUME || source === '') return false;
  if ((volume?.driver || LOCAL) !== LOCAL) return false;
  return MOUNT_OPTIONS.every((option) => (volume?.driverOpts[option] ?? '') === '');
}
