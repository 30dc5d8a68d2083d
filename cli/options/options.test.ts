import { describe, expect, it } from 'vitest';
import { LocalRestart } from '../../proto/generated/gantry/v1/engine.ts';
import { Mount, MountType } from '../../proto/generated/gantry/v1/types.ts';
import { protocolName } from '../../proto/port-protocol.ts';
import { parseDevice, parseExtraHost, parseRestart, parseUlimit } from './limits.ts';
import { logWindow, parseTime } from './log-options.ts';
import { parseMount, parseTmpfs, parseVolume } from './mounts.ts';
import { parsePairFile, readEnvironment } from './pairs.ts';
import { parsePublish } from './ports.ts';

const EMPTY_VOLUME = { driver: '', driverOpts: {}, labels: {} };

describe('-v', () => {
  it.each<[string, Partial<Mount>]>([
    ['/data', { type: MountType.VOLUME, target: '/data', volume: EMPTY_VOLUME }],
    ['db:/data', { type: MountType.VOLUME, source: 'db', target: '/data', volume: EMPTY_VOLUME }],
    ['db:/data:ro', { type: MountType.VOLUME, source: 'db', target: '/data', readOnly: true, volume: EMPTY_VOLUME }],
    [
      'db:/data:nocopy,rw',
      { type: MountType.VOLUME, source: 'db', target: '/data', volumeNoCopy: true, volume: EMPTY_VOLUME },
    ],
    ['/src:/dst', { type: MountType.BIND, source: '/src', target: '/dst', bindCreateHostPath: true }],
    [
      './src:/dst:ro',
      { type: MountType.BIND, source: '/work/src', target: '/dst', readOnly: true, bindCreateHostPath: true },
    ],
    [
      '..:/dst:rshared',
      { type: MountType.BIND, source: '/', target: '/dst', bindPropagation: 'rshared', bindCreateHostPath: true },
    ],
  ])('%s', (text, expected) => {
    expect(parseVolume(text, '/work')).toEqual(Mount.create(expected));
  });

  it.each(['data', 'db:relative', '/a:/', 'a:b:c:d', '/a:/b:maybe', 'x y:/data', ':/data'])('refuses %s', (text) => {
    expect(() => parseVolume(text, '/work')).toThrow(`invalid argument "${text}" for -v`);
  });
});

describe('--mount', () => {
  it.each<[string, Partial<Mount>]>([
    ['type=bind,source=/a,target=/b,readonly', { type: MountType.BIND, source: '/a', target: '/b', readOnly: true }],
    [
      'type=bind,src=a,dst=/b,bind-propagation=rslave',
      { type: MountType.BIND, source: '/work/a', target: '/b', bindPropagation: 'rslave' },
    ],
    ['source=db,target=/b', { type: MountType.VOLUME, source: 'db', target: '/b' }],
    [
      'type=volume,source=db,target=/b,volume-nocopy,volume-label=a=b,volume-driver=local,volume-opt=type=nfs',
      {
        type: MountType.VOLUME,
        source: 'db',
        target: '/b',
        volumeNoCopy: true,
        volume: { driver: 'local', driverOpts: { type: 'nfs' }, labels: { a: 'b' } },
      },
    ],
    [
      'type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=1770',
      { type: MountType.TMPFS, target: '/t', tmpfsSizeBytes: 67_108_864, tmpfsMode: 0o1770 },
    ],
  ])('%s', (text, expected) => {
    expect(parseMount(text, '/work')).toEqual(Mount.create(expected));
  });

  it.each([
    'type=npipe,target=/a',
    'source=a',
    'type=bind,target=/a',
    'type=volume,target=a',
    'type=tmpfs,source=x,target=/a',
    'target=/a,what=1',
  ])('refuses %s', (text) => {
    expect(() => parseMount(text, '/work')).toThrow('for --mount');
  });
});

describe('--tmpfs', () => {
  it('takes size and mode', () => {
    expect(parseTmpfs('/t:size=1m,mode=755,noexec')).toEqual(
      Mount.create({ type: MountType.TMPFS, target: '/t', tmpfsSizeBytes: 1 << 20, tmpfsMode: 0o755 }),
    );
    expect(() => parseTmpfs('/t:huge=always')).toThrow('--tmpfs');
    expect(() => parseTmpfs('t')).toThrow('--tmpfs');
  });
});

describe('-p', () => {
  const shown = (text: string) =>
    parsePublish(text).map(
      ({ hostIp, publishedPort, publishedLast, targetPort, protocol }) =>
        `${hostIp}|${publishedPort}${publishedLast === undefined ? '' : `-${publishedLast}`}|${targetPort}|${protocolName(protocol)}`,
    );

  it.each([
    ['80', ['|0|80|tcp']],
    ['8080:80', ['|8080|80|tcp']],
    ['127.0.0.1:8080:80', ['127.0.0.1|8080|80|tcp']],
    ['127.0.0.1::80', ['127.0.0.1|0|80|tcp']],
    ['0.0.0.0:8080:80', ['|8080|80|tcp']],
    ['[::1]:53:53/udp', ['::1|53|53|udp']],
    ['8000-8001:80-81', ['|8000|80|tcp', '|8001|81|tcp']],
    ['8000-8010:80', ['|8000-8010|80|tcp']],
    ['3868:3868/sctp', ['|3868|3868|sctp']],
    ['7000-7001/udp', ['|0|7000|udp', '|0|7001|udp']],
  ])('%s', (text, expected) => {
    expect(shown(text)).toEqual(expected);
  });

  it.each(['', 'x', '80:', '127.0.0.1:80', '80:x', '70000:80', '8000-8001:80-82', '0', '81-80', '80/icmp', '1:2:3:4'])(
    'refuses "%s"',
    (text) => {
      expect(() => parsePublish(text)).toThrow('for -p');
    },
  );
});

describe('-e and --env-file', () => {
  it('takes values from the environment when there is none, and the last of a name', () => {
    expect(readEnvironment([], ['A=1', 'B', 'C', 'A=2', 'D=x=y', 'E='], { B: 'from shell' })).toEqual([
      'A=2',
      'B=from shell',
      'D=x=y',
      'E=',
    ]);
  });

  it('takes the lines of a file as they are', () => {
    expect(parsePairFile('\uFEFF# comment\nA="quoted"\n\n  B=1 \r\nC')).toEqual(['A="quoted"', 'B=1 ', 'C']);
  });

  it('names a file that cannot be read', () => {
    expect(() => readEnvironment(['/nonexistent/env'], [], {})).toThrow('cannot read --env-file /nonexistent/env');
  });
});

describe('limits', () => {
  it.each([
    ['nofile=1024', { name: 'nofile', soft: 1024, hard: 1024 }],
    ['nofile=1024:2048', { name: 'nofile', soft: 1024, hard: 2048 }],
    ['core=-1', { name: 'core', soft: -1, hard: -1 }],
    ['core=0:unlimited', { name: 'core', soft: 0, hard: -1 }],
  ])('--ulimit %s', (text, expected) => {
    expect(parseUlimit(text)).toEqual(expected);
  });

  it.each(['nofile', 'nofile=x', 'nofile=2:1', 'nofile=-1:5'])('--ulimit refuses %s', (text) => {
    expect(() => parseUlimit(text)).toThrow('--ulimit');
  });

  it.each([
    ['no', { restart: LocalRestart.NO, restartMaxAttempts: 0 }],
    ['on-failure:3', { restart: LocalRestart.ON_FAILURE, restartMaxAttempts: 3 }],
    ['unless-stopped', { restart: LocalRestart.UNLESS_STOPPED, restartMaxAttempts: 0 }],
  ])('--restart %s', (text, expected) => {
    expect(parseRestart(text)).toEqual(expected);
  });

  it.each(['', 'sometimes', 'always:3'])('--restart refuses "%s"', (text) => {
    expect(() => parseRestart(text)).toThrow('--restart');
  });

  it.each([
    ['/dev/x', { hostPath: '/dev/x', containerPath: '/dev/x', permissions: 'rwm' }],
    ['/dev/x:r', { hostPath: '/dev/x', containerPath: '/dev/x', permissions: 'r' }],
    ['/dev/x:/dev/y', { hostPath: '/dev/x', containerPath: '/dev/y', permissions: 'rwm' }],
    ['/dev/x:/dev/y:rw', { hostPath: '/dev/x', containerPath: '/dev/y', permissions: 'rw' }],
  ])('--device %s', (text, expected) => {
    expect(parseDevice(text)).toEqual(expected);
  });

  it('--add-host', () => {
    expect(parseExtraHost('db:10.0.0.1')).toBe('db:10.0.0.1');
    expect(parseExtraHost('db=[::1]')).toBe('db:::1');
    expect(() => parseExtraHost('db')).toThrow('--add-host');
  });
});

describe('log windows', () => {
  const now = Date.UTC(2025, 10, 3, 12);

  it.each([
    ['10m', now - 600_000],
    ['1762160700', 1_762_160_700_000],
    ['1762160700.5', 1_762_160_700_500],
    ['2025-11-03T09:05:00Z', Date.UTC(2025, 10, 3, 9, 5)],
    ['2025-11-03T09:05:00+01:00', Date.UTC(2025, 10, 3, 8, 5)],
    ['2025-11-03T09:05', new Date(2025, 10, 3, 9, 5).getTime()],
    ['2025-11-03', new Date(2025, 10, 3).getTime()],
  ])('--since %s', (text, expected) => {
    expect(parseTime('--since', text, now)).toBe(expected);
  });

  it.each(['yesterday', '2025-13-03', '12:00'])('--since refuses %s', (text) => {
    expect(() => parseTime('--since', text, now)).toThrow('for --since');
  });

  it.each([
    ['all', undefined],
    ['-1', undefined],
    ['0', 0],
    ['10', 10],
  ])('--tail %s', (tail, expected) => {
    expect(logWindow({ tail }, now).tail).toBe(expected);
  });
});
