import { describe, expect, it } from 'vitest';
import { mountSource, parseRunMount } from './run-mounts.ts';

const VARIABLES: Readonly<Record<string, string>> = { A: 'a' };
const parse = (text: string) => parseRunMount(text, { variables: (name) => VARIABLES[name], escapeChar: '\\' }, '/src');

describe('mounts of RUN', () => {
  it.each([
    ['target=/x', { kind: 'bind', from: undefined, source: '/', target: '/x', writable: false }],
    [
      'type=bind,from=build,source=/out,target=x,rw',
      { kind: 'bind', from: 'build', source: '/out', target: '/src/x', writable: true },
    ],
    [
      'type=cache,target=/root/.cache/$A',
      {
        kind: 'cache',
        ...{ id: '/root/.cache/a', from: undefined, source: '/', target: '/root/.cache/a', sharing: 'shared' },
        ...{ readOnly: false, uid: 0, gid: 0, mode: 0o755 },
      },
    ],
    [
      'type=cache,id=x,dst=/c,sharing=locked,uid=1,gid=2,mode=0700,ro',
      { kind: 'cache', id: 'x', sharing: 'locked', uid: 1, gid: 2, mode: 0o700, readOnly: true },
    ],
    ['type=tmpfs,target=/t,size=64m', { kind: 'tmpfs', target: '/t', sizeBytes: 64 << 20 }],
    [
      'type=secret,id=token,required=true',
      { kind: 'secret', id: 'token', target: '/run/secrets/token', variable: undefined, required: true, mode: 0o400 },
    ],
    ['type=secret,target=/etc/key,uid=5', { kind: 'secret', id: 'key', target: '/etc/key', required: false, uid: 5 }],
    ['type=secret,id=token,env=TOKEN', { kind: 'secret', id: 'token', target: undefined, variable: 'TOKEN' }],
    ['type=ssh', { kind: 'ssh', id: 'default', target: undefined, required: false, uid: 0, gid: 0, mode: 0o600 }],
    ['type=ssh,id=git,target=/s,required', { kind: 'ssh', id: 'git', target: '/s', required: true }],
  ])('%s', (text, expected) => {
    expect(parse(text)).toMatchObject(expected);
  });

  it.each([
    ['type=cache', /has no target/, ''],
    ['type=bind,target=/', /nothing can be mounted at \//, ''],
    ['type=cahce,target=/x', /unknown type cahce/, 'did you mean cache?'],
    ['type=tmpfs,target=/x,siez=1', /a tmpfs mount has no "siez"/, 'did you mean size?'],
    ['type=tmpfs,target=/x,size=much', /size=much is no size/, 'write it like 64m'],
    ['type=cache,target=/x,sharing=some', /none of shared, private, locked/, ''],
    ['type=secret', /needs an id or a target/, ''],
    [
      'type=bind,from=$A,target=/x',
      /variables in from=\$A are not supported/,
      'make it a stage with FROM, and name that',
    ],
    [
      'type=ssh,src=/x',
      /an? ssh mount has no "src"/,
      'it takes target, dst, destination, uid, gid, mode, id, required',
    ],
    ['target=/x,target=/y', /target is given twice/, ''],
  ])('refuses %s', (text, message, hint) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ message: expect.stringMatching(message), hint }));
  });

  it('tell their source', () => {
    expect(mountSource('type=bind,from=build,target=/x')).toBe('build');
    expect(mountSource('type=cache,target=/x')).toBeUndefined();
  });
});
