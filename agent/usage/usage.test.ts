import { describe, expect, it } from 'vitest';
import { parseCgroupMounts } from './cgroup-paths.ts';
import { readUsage } from './usage.ts';

const V1_MOUNTS = parseCgroupMounts(`20 1 0:20 / / rw - ext4 /dev/sda rw
29 28 0:25 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:10 - cgroup cgroup rw,cpu,cpuacct
30 28 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
31 28 0:27 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio
32 28 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
33 28 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
34 28 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`);
const V2_MOUNTS = parseCgroupMounts('29 28 0:25 /host /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n');

const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0: 5000      50    0    0    0     0          0         0     7000      70    0    0    0     0       0          0
`;

const SOURCE = { id: 'c0ffee', pid: 42, ownNetwork: true };

function files(texts: Readonly<Record<string, string>>) {
  return (path: string) => texts[path] ?? '';
}

const V2_FILES = {
  '/proc/42/cgroup': '0::/host/gantry/c0ffee\n',
  '/proc/42/net/dev': NET_DEV,
  '/sys/fs/cgroup/gantry/c0ffee/cpu.stat':
    'usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 500000\n',
  '/sys/fs/cgroup/gantry/c0ffee/memory.current': '9000\n',
  '/sys/fs/cgroup/gantry/c0ffee/memory.max': 'max\n',
  '/sys/fs/cgroup/gantry/c0ffee/memory.stat': 'anon 5000\nfile 3000\ninactive_file 1000\n',
  '/sys/fs/cgroup/gantry/c0ffee/memory.events': 'low 0\noom 3\noom_kill 2\n',
  '/sys/fs/cgroup/gantry/c0ffee/io.stat': '8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0\n8:16 rbytes=1 wbytes=2\n',
  '/sys/fs/cgroup/gantry/c0ffee/pids.current': '7\n',
  '/sys/fs/cgroup/gantry/c0ffee/pids.max': '100\n',
};

describe('usage', () => {
  it('is read from cgroups of version 2', () => {
    expect(readUsage(SOURCE, V2_MOUNTS, files(V2_FILES))).toEqual({
      cpu: {
        totalSeconds: 3,
        userSeconds: 2,
        systemSeconds: 1,
        periods: 10,
        throttledPeriods: 4,
        throttledSeconds: 0.5,
      },
      memory: {
        usedBytes: 9000,
        workingSetBytes: 8000,
        anonymousBytes: 5000,
        cacheBytes: 3000,
        limitBytes: 0,
        oomKills: 2,
      },
      blockIo: { read: 11, written: 22 },
      tasks: { current: 7, limit: 100 },
      interfaces: [{ name: 'eth0', received: 5000, sent: 7000 }],
    });
  });

  it('is read from cgroups of version 1', () => {
    const at = (controllers: string, file: string) => `/sys/fs/cgroup/${controllers}/gantry/c0ffee/${file}`;
    const usage = readUsage(
      { ...SOURCE, ownNetwork: false },
      V1_MOUNTS,
      files({
        '/proc/42/cgroup':
          '7:pids:/gantry/c0ffee\n6:blkio:/gantry/c0ffee\n5:memory:/gantry/c0ffee\n4:cpu,cpuacct:/gantry/c0ffee\n1:name=systemd:/gantry/c0ffee\n0::/gantry/c0ffee\n',
        '/proc/42/net/dev': NET_DEV,
        [at('cpu,cpuacct', 'cpuacct.usage')]: '3000000000\n',
        [at('cpu,cpuacct', 'cpuacct.usage_user')]: '2000000000\n',
        [at('cpu,cpuacct', 'cpuacct.usage_sys')]: '1000000000\n',
        [at('cpu,cpuacct', 'cpu.stat')]: 'nr_periods 10\nnr_throttled 4\nthrottled_time 500000000\n',
        [at('memory', 'memory.usage_in_bytes')]: '9000\n',
        [at('memory', 'memory.limit_in_bytes')]: '9223372036854771712\n',
        [at('memory', 'memory.stat')]: 'rss 1\ntotal_cache 3000\ntotal_rss 5000\ntotal_inactive_file 1000\n',
        [at('memory', 'memory.oom_control')]: 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
        [at('blkio', 'blkio.throttle.io_service_bytes_recursive')]:
          '8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\n8:0 Total 30\n8:16 Read 1\nTotal 31\n',
        [at('pids', 'pids.current')]: '7\n',
        [at('pids', 'pids.max')]: 'max\n',
      }),
    );
    expect(usage).toMatchObject({
      cpu: { totalSeconds: 3, userSeconds: 2, systemSeconds: 1, throttledSeconds: 0.5 },
      memory: { workingSetBytes: 8000, anonymousBytes: 5000, cacheBytes: 3000, limitBytes: 0, oomKills: 2 },
      blockIo: { read: 11, written: 20 },
      tasks: { current: 7, limit: 0 },
      interfaces: [],
    });
  });

  it("is the container's as a whole, also when its first process has cgroups of its own", () => {
    const moved = { ...V2_FILES, '/proc/42/cgroup': '0::/host/gantry/c0ffee/init.scope\n' };
    expect(readUsage(SOURCE, V2_MOUNTS, files(moved))?.memory?.usedBytes).toBe(9000);
  });

  it("is not that of another process that has got the first one's number", () => {
    const other = { ...V2_FILES, '/proc/42/cgroup': '0::/host/system.slice\n' };
    expect(readUsage(SOURCE, V2_MOUNTS, files(other))).toBeUndefined();
    expect(readUsage(SOURCE, V2_MOUNTS, files({}))).toBeUndefined();
  });

  it('leaves out what the host does not count', () => {
    const bare = { '/proc/42/cgroup': '0::/host/gantry/c0ffee\n' };
    expect(readUsage(SOURCE, V2_MOUNTS, files(bare))).toMatchObject({
      cpu: undefined,
      memory: undefined,
      tasks: undefined,
    });
  });
});
