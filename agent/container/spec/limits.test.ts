import { describe, expect, it } from 'vitest';
import { availableCapabilities } from './capabilities.ts';
import { buildExecProcess } from './exec-process.ts';
import { parseHardNofile } from './host-facts.ts';
import { parseNamespaceMode } from './namespaces.ts';
import { validateLimits } from './resources.ts';
import { buildRlimits } from './rlimits.ts';
import { serializeSpec } from './serialize.ts';
import { containerSysctls, validateSysctls } from './sysctls.ts';

const ALL = availableCapabilities('1ffffffffff');

describe('rlimits', () => {
  it('replace the default of their kind', () => {
    const limits = buildRlimits(
      [
        { name: 'nofile', soft: 5, hard: 6 },
        { name: 'core', soft: 0, hard: -1 },
      ],
      -1,
    );
    expect(limits).toEqual([
      { type: 'RLIMIT_NOFILE', soft: 5, hard: 6 },
      { type: 'RLIMIT_CORE', soft: 0, hard: -1 },
    ]);
  });

  it('stay below gantryd’s own', () => {
    expect(buildRlimits([], 512)).toEqual([{ type: 'RLIMIT_NOFILE', soft: 512, hard: 512 }]);
    expect(buildRlimits([], -1)).toEqual([{ type: 'RLIMIT_NOFILE', soft: 1024, hard: -1 }]);
  });

  it('are written as the OCI specification wants them when they are unlimited', () => {
    const text = serializeSpec({ rlimits: [{ type: 'RLIMIT_CORE', soft: 1, hard: -1 }], memory: { swap: -1 } });
    expect(text).toBe('{"rlimits":[{"type":"RLIMIT_CORE","soft":1,"hard":18446744073709551615}],"memory":{"swap":-1}}');
  });

  it.each([
    [{ name: 'files', soft: 1, hard: 1 }, 'unknown ulimit "files"'],
    [{ name: 'core', soft: -2, hard: 1 }, 'is negative'],
    [{ name: 'core', soft: 2, hard: 1 }, 'a soft limit above the hard one'],
    [{ name: 'core', soft: -1, hard: 1 }, 'a soft limit above the hard one'],
  ])('refuse %j', (ulimit, message) => {
    expect(() => buildRlimits([ulimit], -1)).toThrow(message);
  });

  it('read gantryd’s own from /proc', () => {
    expect(
      parseHardNofile(
        'Max processes 1 2 x\nMax open files            1024                 524288               files \n',
      ),
    ).toBe(524288);
    expect(parseHardNofile('Max open files  1024  unlimited  files')).toBe(-1);
  });
});

describe('limits', () => {
  const limits = { memoryBytes: 0, nanoCpus: 0, pids: 0 };

  it('are fine when they are unset', () => {
    expect(() => validateLimits(limits, 2)).not.toThrow();
    expect(() => validateLimits({ ...limits, pids: -1 }, 2)).not.toThrow();
  });

  it.each([
    [{ memoryBytes: 1024 }, 'memory limit of 1024 bytes is too small'],
    [{ memoryBytes: -1 }, 'is too small'],
    [{ nanoCpus: 3e9 }, "a limit of 3 CPUs can't be set"],
    [{ nanoCpus: 1 }, "can't be set"],
    [{ pids: -2 }, 'is negative'],
  ])('refuse %j', (change, message) => {
    expect(() => validateLimits({ ...limits, ...change }, 2)).toThrow(message);
  });
});

describe('sysctls', () => {
  it('are refused when they would change the host', () => {
    expect(() => validateSysctls({ 'vm.swappiness': '1' }, new Set())).toThrow('"vm.swappiness" is not namespaced');
    expect(() => validateSysctls({ 'net.core.somaxconn': '1' }, new Set(['network']))).toThrow(
      "can't be set in the host's network",
    );
    expect(() => validateSysctls({ 'net.core.somaxconn': '1', 'kernel.sem': '1' }, new Set())).not.toThrow();
  });

  it('win over Docker’s defaults', () => {
    expect(containerSysctls({ 'net.ipv4.ip_unprivileged_port_start': '80' }, 'own')).toEqual({
      'net.ipv4.ip_unprivileged_port_start': '80',
      'net.ipv4.ping_group_range': '0 2147483647',
    });
  });
});

describe('namespace modes', () => {
  it('are private, the host’s or a container’s', () => {
    expect(parseNamespaceMode('pid', '')).toEqual({ kind: 'private' });
    expect(parseNamespaceMode('ipc', 'host')).toEqual({ kind: 'host' });
    expect(parseNamespaceMode('pid', 'container:web')).toEqual({ kind: 'container', reference: 'web' });
    expect(() => parseNamespaceMode('pid', 'container:')).toThrow('pid mode "container:" is not known');
    expect(() => parseNamespaceMode('pid', 'other')).toThrow('not known');
  });
});

describe('an exec', () => {
  const container = {
    terminal: false,
    user: { uid: 0, gid: 0, additionalGids: [] },
    args: ['server'],
    env: ['PATH=/bin', 'HOME=/root', 'A=1'],
    cwd: '/srv',
    capabilities: {
      bounding: ['CAP_KILL'],
      effective: ['CAP_KILL'],
      permitted: ['CAP_KILL'],
      inheritable: [],
      ambient: [],
    },
    rlimits: [],
    noNewPrivileges: true,
  };
  const exec = { argv: ['sh'], env: [], dir: '', tty: false, privileged: false, size: undefined };
  const root = { uid: 0, gid: 0, additionalGids: [], home: '/root' };

  it('has what the container has', () => {
    const process = buildExecProcess({ container, exec, user: root, available: ALL });
    expect(process).toEqual({ ...container, args: ['sh'] });
  });

  it('has what it asks for', () => {
    const process = buildExecProcess({
      container,
      exec: { ...exec, env: ['A=2', 'B=3'], dir: '/tmp', tty: true, size: { rows: 24, columns: 80 } },
      user: { uid: 33, gid: 33, additionalGids: [4], home: '/var/www' },
      available: ALL,
    });
    expect(process).toMatchObject({
      terminal: true,
      consoleSize: { height: 24, width: 80 },
      user: { uid: 33, gid: 33, additionalGids: [4] },
      cwd: '/tmp',
      capabilities: { bounding: ['CAP_KILL'], effective: [] },
    });
    expect(new Set(process.env)).toEqual(new Set(['A=2', 'B=3', 'HOME=/var/www', 'PATH=/bin', 'TERM=xterm']));
  });

  it('can be privileged in a container that is not', () => {
    const process = buildExecProcess({
      container,
      exec: { ...exec, privileged: true },
      user: root,
      available: ALL,
    });
    expect(process.capabilities.effective).toHaveLength(41);
    expect(process.noNewPrivileges).toBe(false);
  });
});
