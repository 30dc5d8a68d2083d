import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CGROUP_PARENT } from '../../proto/cgroup-parent.ts';
import { newContainerId } from '../../proto/ids.ts';
import { removeCgroupParents } from './host-cleanup.ts';

const HIERARCHIES = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup'];

it.skipIf(process.getuid?.() !== 0)('empty parents of containers go, and cgroups of containers that start stay', () => {
  const hierarchy = HIERARCHIES.find((path) => existsSync(join(path, 'cgroup.procs')));
  if (hierarchy === undefined) throw new Error('this host has no cgroups');
  const own = join(hierarchy, CGROUP_PARENT);
  const unused = join(own, `unused-${process.pid}`);
  const parent = join(own, `parent-${process.pid}`);
  const starting = join(parent, newContainerId(randomBytes));
  mkdirSync(join(unused, 'inner'), { recursive: true });
  mkdirSync(starting, { recursive: true });
  try {
    removeCgroupParents();
    expect([unused, starting].map((path) => existsSync(path))).toEqual([false, true]);
  } finally {
    rmdirSync(starting);
    removeCgroupParents();
  }
  expect(existsSync(parent)).toBe(false);
});
