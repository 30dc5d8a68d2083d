import { describe, expect, it } from 'vitest';
import type { OciSeccomp } from './oci.ts';
import { parseSeccompProfile, resolveSeccomp, type SeccompContext } from './seccomp.ts';
import { DEFAULT_SECCOMP_PROFILE } from './seccomp-profile.ts';

const CONTEXT: SeccompContext = {
  capabilities: ['CAP_SYS_CHROOT'],
  architecture: 'amd64',
  kernelRelease: '6.1.0-13-amd64',
};

function resolve(change: Partial<SeccompContext> = {}): OciSeccomp {
  return resolveSeccomp(DEFAULT_SECCOMP_PROFILE, { ...CONTEXT, ...change });
}

/** Allowed whatever its arguments. */
function allows(seccomp: OciSeccomp, name: string): boolean {
  return seccomp.syscalls.some(
    (rule) => rule.names.includes(name) && rule.action === 'SCMP_ACT_ALLOW' && rule.args === undefined,
  );
}

describe('the default profile', () => {
  it('denies with EPERM what it does not list', () => {
    expect(resolve()).toMatchObject({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 1 });
    for (const name of [
      'mount',
      'init_module',
      'keyctl',
      'kexec_load',
      'add_key',
      'reboot',
      'bpf',
      'setns',
      'userfaultfd',
      'io_uring_setup',
    ]) {
      expect(allows(resolve(), name), name).toBe(false);
    }
  });

  it('lists about as much as Docker’s', () => {
    const [first] = resolve().syscalls;
    expect(first?.names.length).toBeGreaterThan(350);
    expect(new Set(first?.names).size).toBe(first?.names.length);
    for (const name of ['read', 'execve', 'openat2', 'clone', 'futex', 'statx']) {
      expect(
        resolve().syscalls.some(({ names }) => names.includes(name)),
        name,
      ).toBe(true);
    }
  });

  it('opens more with capabilities', () => {
    expect(allows(resolve(), 'chroot')).toBe(true);
    expect(allows(resolve({ capabilities: [] }), 'chroot')).toBe(false);
    expect(allows(resolve({ capabilities: ['CAP_SYS_ADMIN'] }), 'mount')).toBe(true);
    expect(allows(resolve({ capabilities: ['CAP_SYS_PTRACE'] }), 'kcmp')).toBe(true);
  });

  it('lets a process fork but not make namespaces, and has libc avoid clone3', () => {
    const rules = resolve().syscalls.filter(({ names }) => names.includes('clone') || names.includes('clone3'));
    expect(rules).toEqual([
      {
        names: ['clone'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: 0x7e020000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
      },
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
    ]);
    const admin = resolve({ capabilities: ['CAP_SYS_ADMIN'] });
    expect(allows(admin, 'clone') && allows(admin, 'clone3')).toBe(true);
  });

  it('allows ptrace from Linux 4.8 on', () => {
    expect(allows(resolve(), 'ptrace')).toBe(true);
    expect(allows(resolve({ kernelRelease: '4.7.10' }), 'ptrace')).toBe(false);
    expect(allows(resolve({ kernelRelease: '4.10.0' }), 'ptrace')).toBe(true);
  });

  it('follows the architecture', () => {
    expect(resolve().architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
    expect(resolve({ architecture: 'arm64' }).architectures).toEqual(['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']);
    expect(allows(resolve(), 'arch_prctl')).toBe(true);
    expect(allows(resolve({ architecture: 'arm64' }), 'arch_prctl')).toBe(false);
    expect(allows(resolve({ architecture: 'arm64' }), 'sync_file_range2')).toBe(true);
    const s390 = resolve({ architecture: 's390x' }).syscalls.find(({ names }) => names[0] === 'clone');
    expect(s390?.args?.[0]?.index).toBe(1);
  });

  it('closes two address families', () => {
    const isOpen = (family: number) =>
      resolve().syscalls.some(({ names, args }) => {
        const [argument] = args ?? [];
        if (!names.includes('socket') || argument === undefined) return false;
        if (argument.op === 'SCMP_CMP_LT') return family < argument.value;
        return argument.op === 'SCMP_CMP_GT' ? family > argument.value : family === argument.value;
      });
    const closed = Array.from({ length: 46 }, (_, family) => family).filter((family) => !isOpen(family));
    expect(closed).toEqual([38, 40]);
  });
});

describe('a profile of a user’s', () => {
  it('is taken with its architectures, flags and rules', () => {
    const profile = parseSeccompProfile(
      JSON.stringify({
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: ['SCMP_ARCH_X86_64'],
        syscalls: [
          { names: ['mkdir'], action: 'SCMP_ACT_ERRNO', args: null },
          { name: 'chmod', action: 'SCMP_ACT_ERRNO', excludes: { arches: ['amd64'] } },
          { name: 'chown', action: 'SCMP_ACT_ERRNO', errnoRet: 2, includes: {}, excludes: {} },
        ],
      }),
    );
    expect(resolveSeccomp(profile, CONTEXT)).toEqual({
      defaultAction: 'SCMP_ACT_ALLOW',
      architectures: ['SCMP_ARCH_X86_64'],
      syscalls: [
        { names: ['mkdir'], action: 'SCMP_ACT_ERRNO' },
        { names: ['chown'], action: 'SCMP_ACT_ERRNO', errnoRet: 2 },
      ],
    });
  });

  it.each([
    ['not json', 'it is not JSON'],
    ['[]', 'it is not an object'],
    ['{"defaultAction":"A","syscalls":[1]}', 'it is not an object'],
    ['{"defaultAction":"A","architectures":[],"archMap":[]}', 'both "architectures" and "archMap"'],
    ['{"defaultAction":"A","syscalls":[{"action":"B","name":"x","names":["y"]}]}', 'both "name" (x) and "names"'],
  ])('is refused when it is %s', (text, message) => {
    expect(() => parseSeccompProfile(text)).toThrow(message);
  });
});
