/**
 * Where containers' cgroups lie in every hierarchy: in /gantry, or in a directory below it that they ask for. Never elsewhere:
 * what is outside is somebody else's to make, limit and remove (systemd's, an administrator's), and what is inside is removed
 * with the last container in it.
 */
import { GantryError } from './errors.ts';

export const CGROUP_PARENT = '/gantry';

/** The cgroup of a container. `parent`: as a spec has it, validated. */
export function cgroupsPath(containerId: string, parent: string): string {
  return [CGROUP_PARENT, ...levels(parent), containerId].join('/');
}

/** Shorter than a container's id, so that no container lies in another's cgroup; without the dots of the kernel's own files. */
const LEVEL = /^[a-zA-Z0-9_][a-zA-Z0-9_-]{0,62}$/;
const MOST_LEVELS = 8;

/** Throws UNSUPPORTED, INVALID_ARGUMENT. */
export function validateCgroupParent(parent: string): void {
  if (parent.startsWith('/') && !`${parent}/`.startsWith(`${CGROUP_PARENT}/`)) {
    throw new GantryError('UNSUPPORTED', `the cgroup parent "${parent}" is not one of gantry's own`, {
      hint: `write a name without the slash in front: it is made below ${CGROUP_PARENT}`,
    });
  }
  const names = levels(parent);
  const wrong = names.find((name) => !LEVEL.test(name));
  if (wrong === undefined && names.length <= MOST_LEVELS) return;
  throw new GantryError('INVALID_ARGUMENT', `invalid cgroup parent "${parent}"`, {
    hint: `write up to ${MOST_LEVELS} names with "/" between them, each of at most 63 letters, digits, "-" and "_"`,
  });
}

/** Of "batch/night", and of "/gantry/batch/night" as well. */
function levels(parent: string): string[] {
  const below = parent.startsWith(CGROUP_PARENT) ? parent.slice(CGROUP_PARENT.length) : parent;
  return below.split('/').filter((name) => name !== '');
}
