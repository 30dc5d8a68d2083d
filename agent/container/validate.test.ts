import { describe, expect, it } from 'vitest';
import { ContainerConfig, LocalRestart } from '../../proto/generated/gantry/v1/engine.ts';
import { CgroupSettings, type ContainerSpec } from '../../proto/generated/gantry/v1/types.ts';
import { availableCapabilities } from './spec/capabilities.ts';
import { validateConfig } from './validate.ts';

const HOST = {
  architecture: 'amd64',
  kernelRelease: '6.1.0',
  capabilities: availableCapabilities('1ffffffffff'),
  cgroupVersion: 2,
  swapLimit: true,
  hardNofile: 1024,
  cpus: 4,
  cpuList: '0-3',
  memoryNodeList: '0',
  memoryBytes: 8e9,
} as const;

function validate(spec: Partial<ContainerSpec>, change: Partial<ContainerConfig> = {}) {
  return validateConfig(ContainerConfig.fromPartial({ ...change, spec: { image: 'demo', ...spec } }), HOST);
}

const onHost = { networks: [{ target: 'host', aliases: [] }] };
const onPeer = { networks: [{ target: 'container:web', aliases: [] }] };
const health = { test: ['CMD', 'x'], intervalMs: 0, timeoutMs: 0, retries: 0, startPeriodMs: 0, startIntervalMs: 0 };

describe('a configuration', () => {
  it('is fine when it asks for nothing', () => {
    expect(validate({}).image).toBe('demo');
  });

  it.each<[string, Partial<ContainerSpec>, Partial<ContainerConfig>, string]>([
    ['no image', { image: '' }, {}, 'needs an image'],
    ['bad name', {}, { name: 'a b' }, 'invalid container name'],
    ['too many CPUs', {}, { limits: { nanoCpus: 5e9, memoryBytes: 0, pids: 0 } }, "a limit of 5 CPUs can't be set"],
    [
      'restart attempts without policy',
      {},
      { restart: LocalRestart.ALWAYS, restartMaxAttempts: 1 },
      'only be given with the policy on-failure',
    ],
    ['ports on the host', {}, { ...onHost, publishAll: true }, "ports can't be published"],
    ['hostname in a peer’s network', { hostname: 'x' }, onPeer, "has that one's hostname"],
    ['DNS in a peer’s network', { dns: ['1.1.1.1'] }, onPeer, "has that one's DNS"],
    ['DNS name', { dns: ['one'] }, {}, 'the DNS server "one" is not an IP address'],
    ['extra host', { extraHosts: ['db'] }, {}, '"db" is not HOST:IP'],
    ['extra host’s address', { extraHosts: ['db:here'] }, {}, '"db:here" is not HOST:IP'],
    ['relative directory', { dir: 'a' }, {}, 'the working directory "a" is not absolute'],
    ['environment', { env: ['=x'] }, {}, '"=x" is not KEY=VALUE'],
    ['stop signal', { stopSignal: 'STOPIT' }, {}, 'unknown signal "STOPIT"'],
    ['ulimit', { ulimits: [{ name: 'x', soft: 1, hard: 1 }] }, {}, 'unknown ulimit'],
    ['OOM score', { oomScoreAdj: 2000 }, {}, 'oom_score_adj goes from -1000 to 1000'],
    [
      'kind of healthcheck',
      { healthcheck: { ...health, test: ['RUN', 'x'] } },
      {},
      'unknown kind of healthcheck "RUN"',
    ],
    ['empty healthcheck', { healthcheck: { ...health, test: ['CMD'] } }, {}, 'has no command'],
    ['negative interval', { healthcheck: { ...health, intervalMs: -1 } }, {}, "can't be negative"],
    ['capability', { capAdd: ['FLY'] }, {}, 'unknown capability "FLY"'],
    ['seccomp profile', { seccompProfile: '{' }, {}, 'it is not JSON'],
    ['pid mode', { pidMode: 'none' }, {}, 'pid mode "none" is not known'],
    [
      'cgroup namespace of a container',
      { cgroupnsMode: 'container:web' },
      {},
      "can't share another's cgroup namespace",
    ],
    ['cgroup of the host', { cgroupParent: '/system' }, {}, 'is not one of gantry'],
    ['nameless annotation', { ociAnnotations: { '': 'x' } }, {}, 'an annotation needs a name'],
    ['cgroup settings', { cgroup: CgroupSettings.create({ cpuShares: -1 }) }, {}, 'invalid CPU shares'],
    ['UTS of a container', { utsMode: 'container:web' }, {}, "can't share another's UTS"],
    ['hostname in the host’s UTS', { utsMode: 'host', hostname: 'x' }, {}, "can't set a hostname"],
    ['hostname', { hostname: '-x' }, {}, 'invalid hostname "-x"'],
    ['long hostname', { hostname: 'x'.repeat(65) }, {}, 'invalid hostname'],
    ['sysctl of the host', { sysctls: { 'vm.swappiness': '1' } }, {}, 'is not namespaced'],
    [
      'sysctl in the host’s network',
      { sysctls: { 'net.core.somaxconn': '1' } },
      onHost,
      "can't be set in the host's network",
    ],
    [
      'sysctl in the host’s IPC',
      { ipcMode: 'host', sysctls: { 'kernel.sem': '1' } },
      {},
      "can't be set in the host's ipc",
    ],
    [
      'device path',
      { devices: [{ hostPath: 'tty', containerPath: '', permissions: '' }] },
      {},
      'the device path "tty" is not absolute',
    ],
    [
      'device permissions',
      { devices: [{ hostPath: '/dev/tty', containerPath: '', permissions: 'x' }] },
      {},
      'invalid permissions "x"',
    ],
    [
      'secret target',
      { secrets: [{ id: 's', name: 's', target: 's', uid: 0, gid: 0, mode: 0 }] },
      {},
      '"s" is not a path in the container',
    ],
  ])('is refused for its %s', (_what, spec, change, message) => {
    expect(() => validate(spec, change)).toThrow(message);
  });

  it('may ask for much', () => {
    expect(() =>
      validate(
        {
          extraHosts: ['db:10.0.0.1', 'six:[::1]', 'host:host-gateway'],
          env: ['A=1', 'B'],
          sysctls: { 'net.core.somaxconn': '1', 'kernel.sem': '1' },
          hostname: 'web-1.example.org',
          healthcheck: { ...health, test: ['CMD-SHELL', 'exit 0'] },
        },
        {
          limits: { nanoCpus: 5e8, memoryBytes: 2 ** 26, pids: -1 },
          restart: LocalRestart.ON_FAILURE,
          restartMaxAttempts: 5,
        },
      ),
    ).not.toThrow();
  });
});
