/** What the builder of specs must know of the host; read once. */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, release, totalmem } from 'node:os';

import { availableCapabilities } from './capabilities.ts';

export interface HostFacts {
  /** As Go names it: amd64, arm64, ... */
  readonly architecture: string;
  /** uname -r */
  readonly kernelRelease: string;
  /** What gantryd may give to containers, with CAP_. */
  readonly capabilities: readonly string[];
  readonly cgroupVersion: 1 | 2;
  /** The kernel can limit swap. */
  readonly swapLimit: boolean;
  /** gantryd's own hard limit on open files; -1 for none. */
  readonly hardNofile: number;
  readonly cpus: number;
  /** Numbers of the CPUs that a container may be held to: "0-3"; see number-list.ts. */
  readonly cpuList: string;
  /** The same of memory nodes. */
  readonly memoryNodeList: string;
  readonly memoryBytes: number;
}

const CGROUP_ROOT = '/sys/fs/cgroup';

export function readHostFacts(): HostFacts {
  const cgroupVersion = existsSync(`${CGROUP_ROOT}/cgroup.controllers`) ? 2 : 1;
  return {
    architecture: goArchitecture(process.arch),
    kernelRelease: release(),
    capabilities: availableCapabilities(parseBoundingMask(readFileSync('/proc/self/status', 'utf8'))),
    cgroupVersion,
    // Version 2 has it always, version 1 only with swap accounting.
    swapLimit: cgroupVersion === 2 || existsSync(`${CGROUP_ROOT}/memory/memory.memsw.limit_in_bytes`),
    hardNofile: parseHardNofile(readFileSync('/proc/self/limits', 'utf8')),
    cpus: availableParallelism(),
    cpuList: readNumberList('cpu', [
      `${CGROUP_ROOT}/cpuset.cpus.effective`,
      `${CGROUP_ROOT}/cpuset/cpuset.effective_cpus`,
    ]),
    memoryNodeList: readNumberList('node', [
      `${CGROUP_ROOT}/cpuset.mems.effective`,
      `${CGROUP_ROOT}/cpuset/cpuset.effective_mems`,
    ]),
    memoryBytes: totalmem(),
  };
}

/** By the root of the cgroups, where there is the controller; a kernel without NUMA has node 0 and no file of it. */
function readNumberList(kind: 'cpu' | 'node', files: readonly string[]): string {
  const file = [...files, `/sys/devices/system/${kind}/online`].find((one) => existsSync(one));
  return file === undefined ? '0' : readFileSync(file, 'utf8').trim();
}

const GO_NAMES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le', loong64: 'loong64' };

export function goArchitecture(nodeName: string): string {
  return GO_NAMES[nodeName] ?? nodeName;
}

/** Whether a kernel of this release (uname -r) is one of version `minimum` (MAJOR.MINOR) or newer. */
export function isKernelAtLeast(release: string, minimum: string): boolean {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = minimum.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/** The third column of "Max open files" in /proc/PID/limits. */
export function parseHardNofile(limits: string): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1] ?? 'unlimited';
  return hard === 'unlimited' ? -1 : Number(hard);
}

/** Source: proc_pid_status(5). */
export function parseBoundingMask(status: string): string {
  return /^CapBnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0';
}
