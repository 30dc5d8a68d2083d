/** What the kernel holds a container to: files of its cgroups, read on the machine. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { locateCgroups, parseCgroupMounts } from '../../agent/usage/cgroup-paths.ts';

export const CGROUP_VERSION = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1;

/** The directory of the container's cgroup: of that controller with version 1, of all with version 2. */
export function cgroupDirectory(pid: number, id: string, controller: string): string {
  const mounts = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  const { v1, v2 } = locateCgroups(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), id, mounts);
  const directory = CGROUP_VERSION === 2 ? v2 : v1.get(controller);
  if (directory === undefined) throw new Error(`process ${pid} is in no cgroup of the controller ${controller}`);
  return directory;
}

/** The content of `v1` or `v2`, whichever this machine has; of the controller that version 1's name begins with. */
export function readCgroup(pid: number, id: string, { v1, v2 }: { readonly v1: string; readonly v2: string }): string {
  const [controller = ''] = v1.split('.');
  return readFileSync(join(cgroupDirectory(pid, id, controller), CGROUP_VERSION === 2 ? v2 : v1), 'utf8').trim();
}
