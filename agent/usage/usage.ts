/** What a running container uses of its host, as the kernel counts it: cgroup version 1, version 2, or both. */
import {
  type BlockBytes,
  type InterfaceBytes,
  parseBlkio,
  parseFlatKeyed,
  parseIoStat,
  parseNetDev,
  parseNumber,
} from './cgroup-files.ts';
import { type CgroupDirectories, type CgroupMount, locateCgroups } from './cgroup-paths.ts';

/** A part is undefined where the host doesn't count it. */
export interface Usage {
  readonly cpu: CpuUsage | undefined;
  readonly memory: MemoryUsage | undefined;
  readonly blockIo: BlockBytes | undefined;
  readonly tasks: TaskUsage | undefined;
  /** Of the container's own network namespace; empty where it shares another one. */
  readonly interfaces: readonly InterfaceBytes[];
}

export interface CpuUsage {
  readonly totalSeconds: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  readonly periods: number;
  readonly throttledPeriods: number;
  readonly throttledSeconds: number;
}

export interface MemoryUsage {
  readonly usedBytes: number;
  /** What the kernel can't take back without writing: used, less the page cache that was not used lately. */
  readonly workingSetBytes: number;
  readonly anonymousBytes: number;
  readonly cacheBytes: number;
  /** 0 for none. */
  readonly limitBytes: number;
  readonly oomKills: number;
}

export interface TaskUsage {
  /** Threads, as the kernel counts tasks. */
  readonly current: number;
  /** 0 for none. */
  readonly limit: number;
}

/** The text of a file; empty when there is none, as when the process has ended. */
export type ReadText = (path: string) => string;

/** Whose usage it is. */
export interface UsageSource {
  /** The container's, by which its cgroups are called. */
  readonly id: string;
  /** The first process, as the host numbers it. */
  readonly pid: number;
  /** Has a network namespace of its own. */
  readonly ownNetwork: boolean;
}

/** Version 1 writes "none" as the largest number of pages. */
const NO_LIMIT_BYTES = 2 ** 62;

/** Undefined when the container has ended. */
export function readUsage(source: UsageSource, mounts: readonly CgroupMount[], read: ReadText): Usage | undefined {
  const directories = locateCgroups(read(`/proc/${source.pid}/cgroup`), source.id, mounts);
  // Others get the number of a process that has ended.
  if (directories.v1.size === 0 && directories.v2 === undefined) return undefined;
  return {
    cpu: cpuUsage(directories, read),
    memory: memoryUsage(directories, read),
    blockIo: blockIo(directories, read),
    tasks: taskUsage(directories, read),
    interfaces: source.ownNetwork ? parseNetDev(read(`/proc/${source.pid}/net/dev`)) : [],
  };
}

function cpuUsage({ v1, v2 }: CgroupDirectories, read: ReadText): CpuUsage | undefined {
  const accounting = v1.get('cpuacct');
  if (accounting !== undefined) {
    const seconds = (file: string) => (parseNumber(read(`${accounting}/${file}`)) ?? 0) / 1e9;
    const throttling = parseFlatKeyed(read(`${v1.get('cpu') ?? accounting}/cpu.stat`));
    return {
      totalSeconds: seconds('cpuacct.usage'),
      userSeconds: seconds('cpuacct.usage_user'),
      systemSeconds: seconds('cpuacct.usage_sys'),
      ...throttled(throttling, throttling.get('throttled_time'), 1e9),
    };
  }
  const stat = parseFlatKeyed(v2 === undefined ? '' : read(`${v2}/cpu.stat`));
  const seconds = (key: string) => (stat.get(key) ?? 0) / 1e6;
  if (!stat.has('usage_usec')) return undefined;
  return {
    totalSeconds: seconds('usage_usec'),
    userSeconds: seconds('user_usec'),
    systemSeconds: seconds('system_usec'),
    ...throttled(stat, stat.get('throttled_usec'), 1e6),
  };
}

function throttled(
  stat: ReadonlyMap<string, number>,
  time: number | undefined,
  perSecond: number,
): Pick<CpuUsage, 'periods' | 'throttledPeriods' | 'throttledSeconds'> {
  return {
    periods: stat.get('nr_periods') ?? 0,
    throttledPeriods: stat.get('nr_throttled') ?? 0,
    throttledSeconds: (time ?? 0) / perSecond,
  };
}

function memoryUsage({ v1, v2 }: CgroupDirectories, read: ReadText): MemoryUsage | undefined {
  const v1Directory = v1.get('memory');
  const [directory, names] = v1Directory !== undefined ? [v1Directory, MEMORY_V1] : [v2, MEMORY_V2];
  if (directory === undefined) return undefined;
  const usedBytes = parseNumber(read(`${directory}/${names.used}`));
  if (usedBytes === undefined) return undefined;
  const stat = parseFlatKeyed(read(`${directory}/memory.stat`));
  const limit = parseNumber(read(`${directory}/${names.limit}`)) ?? 0;
  return {
    usedBytes,
    workingSetBytes: Math.max(0, usedBytes - (stat.get(names.inactiveFile) ?? 0)),
    anonymousBytes: stat.get(names.anonymous) ?? 0,
    cacheBytes: stat.get(names.cache) ?? 0,
    limitBytes: limit >= NO_LIMIT_BYTES ? 0 : limit,
    oomKills: parseFlatKeyed(read(`${directory}/${names.events}`)).get('oom_kill') ?? 0,
  };
}

/** Sources: Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst. */
const MEMORY_V1 = {
  used: 'memory.usage_in_bytes',
  limit: 'memory.limit_in_bytes',
  events: 'memory.oom_control',
  inactiveFile: 'total_inactive_file',
  anonymous: 'total_rss',
  cache: 'total_cache',
};
const MEMORY_V2 = {
  used: 'memory.current',
  limit: 'memory.max',
  events: 'memory.events',
  inactiveFile: 'inactive_file',
  anonymous: 'anon',
  cache: 'file',
};

function blockIo({ v1, v2 }: CgroupDirectories, read: ReadText): BlockBytes | undefined {
  const directory = v1.get('blkio');
  if (directory !== undefined) return parseBlkio(read(`${directory}/blkio.throttle.io_service_bytes_recursive`));
  return v2 === undefined ? undefined : parseIoStat(read(`${v2}/io.stat`));
}

function taskUsage({ v1, v2 }: CgroupDirectories, read: ReadText): TaskUsage | undefined {
  const directory = v1.get('pids') ?? v2;
  if (directory === undefined) return undefined;
  const current = parseNumber(read(`${directory}/pids.current`));
  return current === undefined ? undefined : { current, limit: parseNumber(read(`${directory}/pids.max`)) ?? 0 };
}
