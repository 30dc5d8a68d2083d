/** What of Gantry is in the kernel: compared before and after to show that nothing is left. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { output } from './command.ts';
import type { HostPlace } from './engine-host.ts';
import type { Host } from './host.ts';

export interface Census {
  readonly processes: readonly string[];
  readonly mounts: readonly string[];
  readonly namespaces: readonly string[];
  readonly links: readonly string[];
  readonly rules: string;
  readonly cgroups: readonly string[];
  readonly execFiles: readonly string[];
}

/** All that belongs to the host: found by its directory, its namespaces, and the cgroups of Gantry. */
export async function takeCensus(host: Host): Promise<Census> {
  return {
    ...(await takeCensusOutside(host)),
    links: (await output(['ip', '-n', host.name, '-o', 'link'])).split('\n').map((line) => line.split(':')[1] ?? ''),
    rules: await output(host.inside(['nft', 'list', 'ruleset'])),
    cgroups: gantryCgroups(),
    execFiles: filesBelow(host.execRoot),
  };
}

/** What of a host can be seen from the machine: also once the host itself has been removed. */
export async function takeCensusOutside(host: HostPlace): Promise<Pick<Census, 'processes' | 'mounts' | 'namespaces'>> {
  return {
    processes: processesOf(host),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(host.directory))
      .map((line) => line.split(' ')[4] ?? ''),
    namespaces: (await output(['ip', 'netns', 'list'])).split('\n').filter((line) => line.startsWith(host.name)),
  };
}

function processesOf(host: HostPlace): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const root = readlinkSync(`/proc/${pid}/root`);
        return command.includes(host.directory) || root.includes(host.directory) ? [command] : [];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

function gantryCgroups(): string[] {
  const roots = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((name) => join('/sys/fs/cgroup', name))];
  return roots.flatMap((root) => filesBelow(join(root, 'gantry'), 'directories'));
}

function filesBelow(directory: string, kind: 'all' | 'directories' = 'all'): string[] {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => kind === 'all' || entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted();
  } catch {
    // Not there: nothing below it.
    return [];
  }
}
