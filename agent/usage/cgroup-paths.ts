/** Where a process's cgroups lie in the file system. Pure. */

export interface CgroupMount {
  /** Of version 1 the controllers of the hierarchy; of version 2 empty. */
  readonly controllers: readonly string[];
  /** The cgroup that the mount shows at its top. */
  readonly root: string;
  readonly mountPoint: string;
}

/** Of /proc/self/mountinfo, proc_pid_mountinfo(5). */
export function parseCgroupMounts(mountinfo: string): CgroupMount[] {
  return mountinfo.split('\n').flatMap((line): CgroupMount[] => {
    const fields = line.split(' ');
    const [, , , root = '', mountPoint = ''] = fields;
    const [type, , options = ''] = fields.slice(fields.indexOf('-') + 1);
    if (type === 'cgroup2') return [{ controllers: [], root, mountPoint }];
    return type === 'cgroup' ? [{ controllers: options.split(','), root, mountPoint }] : [];
  });
}

/** The directories of one process's cgroups. */
export interface CgroupDirectories {
  /** By controller, of version 1. */
  readonly v1: ReadonlyMap<string, string>;
  /** Of version 2: with all controllers that version 1 hasn't got. */
  readonly v2: string | undefined;
}

/**
 * The cgroups called `name` that a process is in, itself or further down: it may have made some of its own. `cgroup`:
 * /proc/PID/cgroup, cgroups(7).
 */
export function locateCgroups(cgroup: string, name: string, mounts: readonly CgroupMount[]): CgroupDirectories {
  const v1 = new Map<string, string>();
  let v2: string | undefined;
  for (const line of cgroup.split('\n')) {
    const [hierarchy, controllers = '', ...rest] = line.split(':');
    const [before = '', inside] = `${rest.join(':')}/`.split(`/${name}/`);
    if (inside === undefined) continue;
    const path = `${before}/${name}`;
    if (hierarchy === '0') {
      v2 = directoryOf(path, mounts, (mount) => mount.controllers.length === 0);
      continue;
    }
    for (const controller of controllers.split(',')) {
      const directory = directoryOf(path, mounts, (mount) => mount.controllers.includes(controller));
      if (controller !== '' && directory !== undefined) v1.set(controller, directory);
    }
  }
  return { v1, v2 };
}

function directoryOf(
  path: string,
  mounts: readonly CgroupMount[],
  shows: (mount: CgroupMount) => boolean,
): string | undefined {
  for (const mount of mounts.filter(shows)) {
    const root = mount.root === '/' ? '' : mount.root;
    if (path === root || path.startsWith(`${root}/`)) return `${mount.mountPoint}${path.slice(root.length)}`;
  }
  return undefined;
}
