/** What the kernel says of what a container asks of its cgroup, outside of it and inside. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CGROUP_VERSION, readCgroup } from '../lab/container-cgroup.ts';
import { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';

interface Disk {
  readonly path: string;
  /** MAJOR:MINOR */
  readonly numbers: string;
}

let host: Host;
let disk: Disk;

beforeAll(async () => {
  host = await Host.create('cgroup');
  await host.start();
  await importBusybox(host);
  disk = makeDisk();
});

afterAll(async () => {
  execFileSync('losetup', ['--detach', disk.path]);
  await host.destroy();
});

interface Running {
  readonly id: string;
  /** A file of its cgroup, by its names in versions 1 and 2. */
  readonly file: (v1: string, v2: string) => string;
  readonly exec: (script: string) => Promise<string>;
  /** A field of its HostConfig, as JSON. */
  readonly hostConfig: (name: string) => Promise<unknown>;
}

async function start(...flags: string[]): Promise<Running> {
  const id = await host.ok(['run', '-d', '--init', ...flags, 'busybox', 'sleep', '1000']);
  const pid = Number(await host.look(['inspect', '--format', '{{.State.Pid}}', id]));
  return {
    id,
    file: (v1, v2) => readCgroup(pid, id, { v1, v2 }),
    exec: (script) => host.ok(['exec', id, 'sh', '-c', script]),
    hostConfig: async (name) =>
      JSON.parse(await host.look(['inspect', '--format', `{{json .HostConfig.${name}}}`, id])) as unknown,
  };
}

/** Runs `true` with the flags, which are to be refused. */
async function refused(...flags: string[]): Promise<string> {
  const { code, stderr } = await host.gantry(['run', '--rm', ...flags, 'busybox', 'true']);
  expect(code).toBe(125);
  return stderr;
}

/** Makes a disk of 8 MiB. */
function makeDisk(): Disk {
  const file = join(host.directory, 'disk');
  writeFileSync(file, Buffer.alloc(8 * 2 ** 20));
  const path = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
  const numbers = readFileSync(`/sys/block/${basename(path)}/dev`, 'utf8').trim();
  return { path, numbers };
}

describe('the CPU', () => {
  it('is shared by weight, and held to CPUs', async () => {
    const container = await start('--cpu-shares', '512', '--cpuset-cpus', '0', '--cpuset-mems', '0');
    // By the formula of runc: 1024 is 100.
    expect(container.file('cpu.shares', 'cpu.weight')).toBe(CGROUP_VERSION === 2 ? '59' : '512');
    expect(container.file('cpuset.cpus', 'cpuset.cpus')).toBe('0');
    expect(container.file('cpuset.mems', 'cpuset.mems')).toBe('0');
    expect(await container.exec('nproc; grep Cpus_allowed_list /proc/self/status')).toMatch(
      /^1\nCpus_allowed_list:\s+0$/,
    );
    expect(await container.hostConfig('CpuShares')).toBe(512);
    expect(await container.hostConfig('CpusetCpus')).toBe('0');
    await host.ok(['rm', '-f', container.id]);
  });

  it('is limited by quota and period', async () => {
    const container = await start('--cpu-period', '50000', '--cpu-quota', '10000');
    const quota = container.file('cpu.cfs_quota_us', 'cpu.max');
    expect(quota).toBe(CGROUP_VERSION === 2 ? '10000 50000' : '10000');
    if (CGROUP_VERSION === 1) expect(container.file('cpu.cfs_period_us', '')).toBe('50000');
    await container.exec('timeout 1 sh -c "while :; do :; done" || true');
    // A fifth of a second, and what it takes to start it.
    const usage = container.file('cpuacct.usage', 'cpu.stat');
    const microseconds = /usage_usec (\d+)/.exec(usage)?.[1];
    const seconds = microseconds === undefined ? Number(usage) / 1e9 : Number(microseconds) / 1e6;
    expect(seconds).toBeLessThan(0.6);
    expect(await container.hostConfig('CpuQuota')).toBe(10000);
    await host.ok(['rm', '-f', container.id]);
  });

  it('is refused what it has not, or what contradicts itself', async () => {
    expect(await refused('--cpus', '1', '--cpu-quota', '10000')).toContain(
      'Nano CPUs and CPU Quota cannot both be set',
    );
    expect(await refused('--cpuset-cpus', '0-9999')).toMatch(/requested CPUs are not available - .* available: 0/);
    expect(await refused('--cpu-rt-runtime', '1000')).toContain('rtprio');
  });
});

describe('memory', () => {
  it('is bounded together with swap, and reserved', async () => {
    const container = await start('-m', '64m', '--memory-swap', '96m', '--memory-reservation', '32m');
    expect(container.file('memory.limit_in_bytes', 'memory.max')).toBe(String(64 * 2 ** 20));
    const swap = CGROUP_VERSION === 2 ? 32 : 96;
    expect(container.file('memory.memsw.limit_in_bytes', 'memory.swap.max')).toBe(String(swap * 2 ** 20));
    expect(container.file('memory.soft_limit_in_bytes', 'memory.low')).toBe(String(32 * 2 ** 20));
    expect(await container.hostConfig('MemorySwap')).toBe(96 * 2 ** 20);
    expect(await container.hostConfig('MemoryReservation')).toBe(32 * 2 ** 20);
    await host.ok(['rm', '-f', container.id]);
  });

  it('is left all the swap there is when that is asked for', async () => {
    const container = await start('-m', '64m', '--memory-swap', '-1');
    const swap = container.file('memory.memsw.limit_in_bytes', 'memory.swap.max');
    expect(swap === 'max' || Number(swap) > 2 ** 50).toBe(true);
    await host.ok(['rm', '-f', container.id]);
  });

  it.runIf(CGROUP_VERSION === 1)('knows swappiness, and waiting for memory, with version 1', async () => {
    const container = await start('-m', '64m', '--memory-swappiness', '0', '--oom-kill-disable');
    expect(container.file('memory.swappiness', '')).toBe('0');
    expect(container.file('memory.oom_control', '')).toMatch(/^oom_kill_disable 1$/m);
    expect(await container.hostConfig('MemorySwappiness')).toBe(0);
    expect(await container.hostConfig('OomKillDisable')).toBe(true);
    await host.ok(['rm', '-f', container.id]);
  });

  it.runIf(CGROUP_VERSION === 2)('knows neither swappiness nor waiting with version 2', async () => {
    expect(await refused('--memory-swappiness', '0')).toContain('not supported with cgroup version 2');
    expect(await refused('-m', '64m', '--oom-kill-disable')).toContain("can't be disabled with cgroup version 2");
  });

  it('is refused a swap limit alone, and one below the memory', async () => {
    expect(await refused('--memory-swap', '64m')).toContain('always set the memory limit');
    expect(await refused('-m', '64m', '--memory-swap', '32m')).toContain('should be larger than the memory limit');
  });
});

describe('a disk', () => {
  it('is read and written no faster than allowed', async () => {
    const { path, numbers } = disk;
    const container = await start(
      ...['--device', `${path}:/dev/disk:r`, '--device-read-bps', `${path}:1mb`],
      ...[
        '--device-write-bps',
        `${path}:2mb`,
        '--device-read-iops',
        `${path}:100`,
        '--device-write-iops',
        `${path}:50`,
      ],
    );
    const v2 = `${numbers} rbps=1048576 wbps=2097152 riops=100 wiops=50`;
    const v1 = (value: number) => `${numbers} ${value}`;
    const expected = (value: number) => (CGROUP_VERSION === 2 ? v2 : v1(value));
    expect(container.file('blkio.throttle.read_bps_device', 'io.max')).toBe(expected(1048576));
    expect(container.file('blkio.throttle.write_bps_device', 'io.max')).toBe(expected(2097152));
    expect(container.file('blkio.throttle.read_iops_device', 'io.max')).toBe(expected(100));
    expect(container.file('blkio.throttle.write_iops_device', 'io.max')).toBe(expected(50));
    const started = performance.now();
    await container.exec('dd if=/dev/disk of=/dev/null bs=256k count=12 iflag=direct');
    expect(performance.now() - started).toBeGreaterThan(1500);
    expect(await container.hostConfig('BlkioDeviceReadBps')).toEqual([{ Path: path, Rate: 1048576 }]);
    await host.ok(['rm', '-f', container.id]);
  });

  it('is shared by weight where the kernel has a scheduler that does so, and refused otherwise', async () => {
    const { code, stdout, stderr } = await host.gantry([
      'run',
      '-d',
      '--blkio-weight',
      '300',
      'busybox',
      'sleep',
      '1000',
    ]);
    if (code !== 0) {
      expect(stderr).toMatch(/does not offer (blkio|io)\.weight/);
      return;
    }
    const id = stdout.trim();
    const pid = Number(await host.look(['inspect', '--format', '{{.State.Pid}}', id]));
    const bfq = { v1: 'blkio.bfq.weight', v2: 'io.bfq.weight' };
    const weight = CGROUP_VERSION === 1 ? readCgroup(pid, id, bfq) : await weightOfVersion2(pid, id);
    expect(weight.replace('default ', '')).toMatch(/^(300|2930)$/);
    expect(await host.look(['inspect', '--format', '{{.HostConfig.BlkioWeight}}', id])).toBe('300');
    await host.ok(['rm', '-f', id]);
  });

  it('must be there', async () => {
    expect(await refused('--device-read-bps', '/dev/no-disk:1mb')).toContain('/dev/no-disk is not a block device');
    expect(await refused('--device-read-bps', '/dev/null:1mb')).toContain('/dev/null is not a block device');
  });
});

async function weightOfVersion2(pid: number, id: string): Promise<string> {
  try {
    return readCgroup(pid, id, { v1: '', v2: 'io.bfq.weight' });
  } catch {
    return readCgroup(pid, id, { v1: '', v2: 'io.weight' });
  }
}

describe('devices', () => {
  it('can be used by a rule, as far as it goes', async () => {
    const { numbers } = disk;
    const [major, minor] = numbers.split(':');
    const script = `mknod /tmp/disk b ${major} ${minor} && dd if=/tmp/disk of=/dev/null bs=512 count=1 &&
      ! dd if=/dev/zero of=/tmp/disk bs=512 count=0 conv=notrunc`;
    const rule = ['--device-cgroup-rule', `b ${numbers} r`];
    const denied = await host.gantry(['run', '--rm', 'busybox', 'sh', '-c', script]);
    expect(denied.stderr).toContain('Operation not permitted');
    const allowed = await host.gantry(['run', '--rm', ...rule, 'busybox', 'sh', '-c', script]);
    expect(allowed.code).toBe(0);
    expect(allowed.stderr).toContain("can't open '/tmp/disk': Operation not permitted");
  });

  it('of a directory are all in the container', async () => {
    const directory = join(host.directory, 'devices');
    mkdirSync(join(directory, 'sub'), { recursive: true });
    execFileSync('mknod', [join(directory, 'one'), 'c', '1', '5']);
    execFileSync('mknod', [join(directory, 'sub', 'two'), 'c', '1', '3']);
    const script = 'find /dev/lab -type c | sort; head -c 4 /dev/lab/one | wc -c';
    const output = await host.ok(['run', '--rm', '--device', `${directory}:/dev/lab:r`, 'busybox', 'sh', '-c', script]);
    expect(output).toBe('/dev/lab/one\n/dev/lab/sub/two\n4');
  });
});
