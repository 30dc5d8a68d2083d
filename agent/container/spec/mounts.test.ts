import { describe, expect, it } from 'vitest';
import { Mount, MountType } from '../../../proto/generated/gantry/v1/types.ts';
import { buildMounts, type MountRequest, rootPropagation, validateMounts } from './mounts.ts';
import type { OciMount } from './oci.ts';

function build(change: Partial<MountRequest> = {}): OciMount[] {
  return buildMounts({
    mounts: [],
    binds: [],
    sharedMemory: { kind: 'new', sizeBytes: 0 },
    privileged: false,
    ...change,
  });
}

function at(mounts: OciMount[], destination: string): OciMount | undefined {
  return mounts.find((mount) => mount.destination === destination);
}

const bind = (target: string) => ({ kind: 'bind', source: '/src', target, readOnly: false, propagation: '' }) as const;

describe('the mounts of a container', () => {
  it('are the kernel’s file systems, with /sys read-only', () => {
    expect(build().map(({ destination }) => destination)).toEqual([
      '/proc',
      '/dev',
      '/dev/pts',
      '/sys',
      '/sys/fs/cgroup',
      '/dev/mqueue',
      '/dev/shm',
    ]);
    expect(at(build(), '/sys')?.options).toContain('ro');
    expect(at(build(), '/sys/fs/cgroup')?.options).toContain('ro');
  });

  it('open /sys to a privileged container', () => {
    expect(at(build({ privileged: true }), '/sys')?.options).toContain('rw');
    expect(at(build({ privileged: true }), '/sys/fs/cgroup')?.options).toContain('rw');
  });

  it('have 64 MiB of shared memory unless told otherwise', () => {
    expect(at(build(), '/dev/shm')?.options).toContain('size=67108864');
    expect(at(build({ sharedMemory: { kind: 'new', sizeBytes: 4096 } }), '/dev/shm')?.options).toContain('size=4096');
    expect(at(build({ sharedMemory: { kind: 'shared', source: '/dev/shm' } }), '/dev/shm')).toMatchObject({
      type: 'bind',
      source: '/dev/shm',
    });
  });

  it('are made parents first, whatever the order they were asked for in', () => {
    const mounts = build({
      mounts: [bind('/a/b/c'), bind('/a')],
      binds: [{ source: '/f', target: '/a/x', readOnly: true }],
    });
    expect(mounts.slice(7).map(({ destination }) => destination)).toEqual(['/a', '/a/x', '/a/b/c']);
  });

  it('give way to a user’s at the same place', () => {
    const mounts = build({
      mounts: [bind('/dev/shm/'), bind('/etc/hosts')],
      binds: [{ source: '/hosts', target: '/etc/hosts', readOnly: false }],
    });
    expect(mounts.filter(({ destination }) => destination === '/dev/shm')).toHaveLength(1);
    expect(at(mounts, '/etc/hosts')?.source).toBe('/src');
  });

  it('are writable and private unless asked otherwise', () => {
    const [plain, other] = build({
      mounts: [bind('/a'), { ...bind('/b'), readOnly: true, propagation: 'rslave' }],
    }).slice(7);
    expect(plain?.options).toEqual(['rbind', 'rprivate', 'rw']);
    expect(other?.options).toEqual(['rbind', 'rslave', 'ro']);
  });

  it('keep programs and devices off a tmpfs', () => {
    const tmpfs = { kind: 'tmpfs', target: '/run', readOnly: false, sizeBytes: 1024, mode: 0o700 } as const;
    expect(at(build({ mounts: [tmpfs] }), '/run')?.options).toEqual([
      'noexec',
      'nosuid',
      'nodev',
      'rw',
      'mode=700',
      'size=1024',
    ]);
    expect(at(build({ mounts: [{ ...tmpfs, sizeBytes: 0, mode: 0 }] }), '/run')?.options).toContain('mode=1777');
  });

  it('make the root propagate as its mounts do', () => {
    expect(rootPropagation([bind('/a')])).toBeUndefined();
    expect(rootPropagation([{ ...bind('/a'), propagation: 'slave' }])).toBe('rslave');
    expect(
      rootPropagation([
        { ...bind('/a'), propagation: 'slave' },
        { ...bind('/b'), propagation: 'rshared' },
      ]),
    ).toBe('shared');
  });
});

describe('mounts that can’t be made', () => {
  it.each<[Partial<Mount>, string]>([
    [{ type: MountType.BIND, source: '/a', target: 'data' }, '"data" is not a path in the container'],
    [{ type: MountType.BIND, source: '/a', target: '/' }, '"/" is not a path'],
    [{ type: MountType.BIND, source: '/a', target: '/x/..' }, 'is not a path'],
    [{ type: MountType.BIND, source: 'a', target: '/x' }, 'the source "a" of the bind mount at /x is not absolute'],
    [{ type: MountType.UNSPECIFIED, source: '/a', target: '/x' }, 'the mount at /x has no type'],
    [{ type: MountType.BIND, source: '/a', target: '/x', bindPropagation: 'loud' }, 'unknown mount propagation "loud"'],
  ])('%j', (mount, message) => {
    expect(() => validateMounts([Mount.fromPartial(mount)])).toThrow(message);
  });

  it('two at one place', () => {
    const one = Mount.fromPartial({ type: MountType.VOLUME, source: 'v', target: '/data' });
    expect(() => validateMounts([one, { ...one, target: '/data/' }])).toThrow('two mounts at /data');
  });
});
