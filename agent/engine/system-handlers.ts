/** Engine methods about the host as a whole. */
import { existsSync } from 'node:fs';
import { ContainerStatus } from '../../proto/generated/gantry/v1/engine.ts';
import type { EngineParts, SystemHandlers } from './api.ts';
import { diskUsage } from './disk-usage.ts';
import type { SystemFacts } from './system-facts.ts';

export function systemHandlers(parts: EngineParts): SystemHandlers {
  const { containers, images, networks, volumes, facts } = parts;
  return {
    async version() {
      return {
        version: facts.version,
        gitCommit: facts.gitCommit,
        nodeVersion: process.versions.node,
        kernelVersion: facts.kernelVersion,
        os: 'linux',
        architecture: facts.host.architecture,
      };
    },
    async info() {
      const all = await containers.list({ all: true, filters: [] });
      return {
        id: facts.engineId,
        name: facts.nodeName,
        version: facts.version,
        dataRoot: facts.dataRoot,
        execRoot: facts.execRoot,
        kernelVersion: facts.kernelVersion,
        operatingSystem: facts.operatingSystem,
        architecture: facts.host.architecture,
        cpus: facts.host.cpus,
        memoryBytes: facts.host.memoryBytes,
        cgroupVersion: facts.host.cgroupVersion,
        containers: all.length,
        containersRunning: all.filter(({ state }) => state?.status === ContainerStatus.RUNNING).length,
        images: images.count(),
        warnings: warnings(facts),
        securityOptions: ['name=seccomp,profile=builtin', 'name=cgroupns'],
      };
    },
    async diskUsage() {
      return await diskUsage(parts);
    },
    async volumeList({ filters }) {
      return { volumes: await volumes.list(filters) };
    },
    async volumeRemove({ name }) {
      await volumes.remove(name);
      return {};
    },
    async sourceProbe({ paths, volumes: names }) {
      const known = new Set((await volumes.list([])).map(({ name }) => name));
      return { existing: [...paths.filter((path) => existsSync(path)), ...names.filter((name) => known.has(name))] };
    },
    async portProbe({ ports }) {
      return { conflicts: await networks.probe(ports) };
    },
  };
}

function warnings({ host }: SystemFacts): string[] {
  return host.swapLimit ? [] : ['No swap limit support: a memory limit bounds memory, not swap'];
}
