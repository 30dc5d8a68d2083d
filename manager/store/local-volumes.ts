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
 * The named volumes whose data are in a directory of the node, as the spec names them. Anonymous volumes go with their
 * container, and what is mounted from elsewhere is where the user says: neither is a reason to be on a node.
 */
export function localVolumesOf(spec: MountingSpec): readonly string[] {
  const found = known.get(spec);
  if (found !== undefined) return found;
  const { mounts } = spec.container;
  const sources = mounts.length === 0 ? [] : [...new Set(mounts.filter(isLocal).map(({ source }) => source))];
  if (Object.isFrozen(spec)) known.set(spec, sources);
  return sources;
}

function isLocal({ type, source, volume }: Mount): boolean {
  if (type !== MountType.VOLUME || source === '') return false;
  if ((volume?.driver || LOCAL) !== LOCAL) return false;
  return MOUNT_OPTIONS.every((option) => (volume?.driverOpts[option] ?? '') === '');
}
