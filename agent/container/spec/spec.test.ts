import { describe, expect, it } from 'vitest';
import { ContainerSpec } from '../../../proto/generated/gantry/v1/types.ts';
import { availableCapabilities } from './capabilities.ts';
import type { OciSpec } from './oci.ts';
import { buildSpec, type SpecRequest } from './spec.ts';

const HOST = {
  architecture: 'amd64',
  kernelRelease: '6.18.0',
  capabilities: availableCapabilities('1ffffffffff'),
  cgroupVersion: 2,
  swapLimit: true,
  hardNofile: 4096,
  cpus: 2,
  cpuList: '0-1',
  memoryNodeList: '0',
  memoryBytes: 8e9,
} as const;

function build(spec: Partial<ContainerSpec> = {}, change: Partial<SpecRequest> = {}): OciSpec {
  return buildSpec({
    containerId: 'c0ffee',
    spec: ContainerSpec.fromPartial({ image: 'demo', ...spec }),
    limits: undefined,
    image: { env: [], dir: '' },
    argv: ['/bin/true'],
    user: { uid: 0, gid: 0, additionalGids: [], home: '/root' },
    hostname: 'c0ffee',
    namespaces: { network: { path: '/run/netns/x' }, pid: 'new', ipc: 'new', uts: 'new', cgroup: 'new' },
    network: 'own',
    mounts: [],
    binds: [],
    sharedMemory: { kind: 'new', sizeBytes: 0 },
    devices: [],
    blockDevices: new Map(),
    host: HOST,
    rootPath: 'rootfs',
    initPath: undefined,
    hooks: {},
    ...change,
  });
}

describe('a spec', () => {
  it('isolates by default', () => {
    const { linux, process, root } = build();
    expect(linux.namespaces).toEqual([
      { type: 'mount' },
      { type: 'cgroup' },
      { type: 'network', path: '/run/netns/x' },
      { type: 'pid' },
      { type: 'ipc' },
      { type: 'uts' },
    ]);
    expect(linux.cgroupsPath).toBe('/gantry/c0ffee');
    expect(linux.seccomp?.defaultAction).toBe('SCMP_ACT_ERRNO');
    expect(linux.maskedPaths).toContain('/proc/kcore');
    expect(linux.readonlyPaths).toContain('/proc/sys');
    expect(process.capabilities.bounding).toHaveLength(14);
    expect(process.rlimits).toEqual([{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 4096 }]);
    expect(root).toEqual({ path: 'rootfs', readonly: false });
  });

  it('opens everything to a privileged container', () => {
    const { linux, process } = build({ privileged: true });
    expect(linux.seccomp).toBeUndefined();
    expect(linux.maskedPaths).toEqual([]);
    expect(linux.readonlyPaths).toEqual([]);
    expect(linux.resources.devices).toEqual([{ allow: true, access: 'rwm' }]);
    expect(process.capabilities.effective).toHaveLength(41);
  });

  it('leaves out the namespaces that are the host’s', () => {
    const namespaces = {
      network: 'host',
      pid: 'host',
      ipc: { path: '/proc/1/ns/ipc' },
      uts: 'host',
      cgroup: 'host',
    } as const;
    const spec = build({}, { namespaces, hostname: 'machine' });
    expect(spec.linux.namespaces).toEqual([{ type: 'mount' }, { type: 'ipc', path: '/proc/1/ns/ipc' }]);
    expect(spec.hostname).toBeUndefined();
    expect(spec.process.env).toContain('HOSTNAME=machine');
  });

  it('limits memory with as much swap, cpu and pids', () => {
    const limits = { memoryBytes: 64 * 2 ** 20, nanoCpus: 1_500_000_000, pids: 100 };
    expect(build({}, { limits }).linux.resources).toMatchObject({
      memory: { limit: 67108864, swap: 134217728 },
      cpu: { quota: 150_000, period: 100_000 },
      pids: { limit: 100 },
    });
    const noSwap = build({}, { limits, host: { ...HOST, swapLimit: false } });
    expect(noSwap.linux.resources.memory).toEqual({ limit: 67108864 });
    const none = build({}, { limits: { memoryBytes: 0, nanoCpus: 0, pids: 0 } }).linux.resources;
    expect(Object.keys(none)).toEqual(['devices']);
  });

  it('passes annotations on, lies in the cgroup that it is to be in, and hides nothing when told so', () => {
    const { annotations, linux } = build({
      ociAnnotations: { 'org.example.a': 'b' },
      cgroupParent: 'batch/night',
      unconfinedSystemPaths: true,
    });
    expect(annotations).toEqual({ 'org.example.a': 'b' });
    expect(linux.cgroupsPath).toBe('/gantry/batch/night/c0ffee');
    expect(linux.maskedPaths).toEqual([]);
    expect(linux.readonlyPaths).toEqual([]);
    expect(build().annotations).toBeUndefined();
  });

  it('lets a container use the devices it is given', () => {
    const device = {
      path: '/dev/fuse',
      type: 'c',
      major: 10,
      minor: 229,
      mode: 0o666,
      uid: 0,
      gid: 0,
      permissions: 'rw',
    } as const;
    const { linux } = build({}, { devices: [device] });
    expect(linux.devices).toEqual([
      { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 },
    ]);
    expect(linux.resources.devices.at(0)).toEqual({ allow: false, access: 'rwm' });
    expect(linux.resources.devices.at(-1)).toEqual({ allow: true, type: 'c', major: 10, minor: 229, access: 'rw' });
  });

  it('puts the init before the process', () => {
    const spec = build({ init: true }, { initPath: '/usr/lib/gantry-init' });
    expect(spec.process.args).toEqual(['/sbin/docker-init', '--', '/bin/true']);
    expect(spec.mounts).toContainEqual({
      destination: '/sbin/docker-init',
      type: 'bind',
      source: '/usr/lib/gantry-init',
      options: ['rbind', 'rprivate', 'ro'],
    });
  });

  it('runs in the container’s directory, else the image’s, else /', () => {
    expect(build({ dir: '/own' }, { image: { env: [], dir: '/image' } }).process.cwd).toBe('/own');
    expect(build({}, { image: { env: [], dir: '/image' } }).process.cwd).toBe('/image');
    expect(build().process.cwd).toBe('/');
  });

  it('takes an own seccomp profile, or none', () => {
    const profile = JSON.stringify({ defaultAction: 'SCMP_ACT_LOG', syscalls: [] });
    expect(build({ seccompProfile: profile }).linux.seccomp?.defaultAction).toBe('SCMP_ACT_LOG');
    expect(build({ seccompProfile: profile, privileged: true }).linux.seccomp?.defaultAction).toBe('SCMP_ACT_LOG');
    expect(build({ seccompProfile: 'unconfined' }).linux.seccomp).toBeUndefined();
  });

  it('sets parameters, and those that Docker sets in a network namespace of its own', () => {
    const sysctls = { 'kernel.shmmax': '1', 'net.core.somaxconn': '3' };
    expect(build({ sysctls }).linux.sysctl).toEqual({
      ...sysctls,
      'net.ipv4.ip_unprivileged_port_start': '0',
      'net.ipv4.ping_group_range': '0 2147483647',
    });
    expect(build({}, { network: 'shared' }).linux.sysctl).toEqual({});
  });

  it('gives a process no share in what protects gantryd from the OOM killer', () => {
    expect(build({}).process.oomScoreAdj).toBe(0);
  });

  it('passes on the simple switches', () => {
    const spec = build({
      readOnly: true,
      tty: true,
      noNewPrivileges: true,
      oomScoreAdj: -500,
      domainname: 'example.org',
    });
    expect(spec).toMatchObject({
      root: { readonly: true },
      domainname: 'example.org',
      process: { terminal: true, noNewPrivileges: true, oomScoreAdj: -500 },
    });
  });
});
