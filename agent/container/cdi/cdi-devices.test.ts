import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCdiName } from '../../../proto/cdi-device.ts';
import { cdiEdits } from './cdi-devices.ts';
import { NO_EDITS, parseCdiSpec } from './cdi-spec.ts';

let first: string;
let second: string;

beforeAll(() => {
  first = mkdtempSync(join(tmpdir(), 'gantry-cdi-'));
  second = mkdtempSync(join(tmpdir(), 'gantry-cdi-'));
  writeFileSync(
    join(first, 'vendor.yaml'),
    `cdiVersion: 0.6.0
kind: vendor.com/gpu
containerEdits:
  env: [ALL=1]
  hooks: [{hookName: createContainer, path: /usr/bin/tool, args: [tool, update]}]
devices:
  - name: "0"
    containerEdits:
      deviceNodes: [{path: /dev/gpu0, hostPath: /dev/null, permissions: rw, fileMode: 438}]
      mounts: [{hostPath: /usr/lib/gpu, containerPath: /lib/gpu, options: [ro, nosuid, rbind]}]
      env: [GPU=0]
      additionalGids: [44]
  - name: all
    containerEdits: {deviceNodes: [{path: /dev/zero}]}
`,
  );
  writeFileSync(
    join(second, 'over.json'),
    JSON.stringify({ kind: 'vendor.com/gpu', devices: [{ name: 'all', containerEdits: { env: ['OVER=1'] } }] }),
  );
  writeFileSync(join(second, 'readme.txt'), 'not one of them');
});

afterAll(() => {
  for (const directory of [first, second]) rmSync(directory, { recursive: true, force: true });
});

describe('a CDI device', () => {
  it('brings along what its file says of it, and of all', () => {
    const { nodes, mounts, env, hooks, groups } = cdiEdits(['vendor.com/gpu=0'], [first]);
    expect(env).toEqual(['ALL=1', 'GPU=0']);
    expect(nodes).toEqual([
      { path: '/dev/gpu0', hostPath: '/dev/null', permissions: 'rw', mode: 0o666, uid: undefined, gid: undefined },
    ]);
    expect(mounts).toEqual([
      { hostPath: '/usr/lib/gpu', containerPath: '/lib/gpu', options: ['ro', 'nosuid', 'rbind'] },
    ]);
    expect(hooks).toEqual({ createContainer: [{ path: '/usr/bin/tool', args: ['tool', 'update'], env: [] }] });
    expect(groups).toEqual([44]);
  });

  it('brings what is for all once, however many there are', () => {
    expect(cdiEdits(['vendor.com/gpu=0', 'vendor.com/gpu=all'], [first]).env).toEqual(['ALL=1', 'GPU=0']);
  });

  it('is as the later directory says', () => {
    expect(cdiEdits(['vendor.com/gpu=all'], [first, second])).toEqual({ ...NO_EDITS, env: ['OVER=1'] });
  });

  it('is refused when no file describes it, with those that there are', () => {
    const refusal = (name: string, directory: string) => {
      try {
        return cdiEdits([name], [directory]);
      } catch (error) {
        return error;
      }
    };
    expect(refusal('vendor.com/gpu=7', first)).toMatchObject({
      message: 'this host has no CDI device vendor.com/gpu=7',
      hint: 'there are vendor.com/gpu=0, vendor.com/gpu=all',
    });
    expect(refusal('vendor.com/gpu=0', '/nonexistent')).toMatchObject({
      hint: expect.stringContaining('no file in /nonexistent describes any'),
    });
    expect(cdiEdits([], ['/nonexistent'])).toEqual(NO_EDITS);
  });

  it.each<[unknown, string]>([
    [[], 'f: the file is not as in a description of CDI devices'],
    [{ kind: 'a/b', devices: {} }, 'f: devices is not'],
    [{ kind: 'a/b', containerEdits: { intelRdt: {} } }, 'f asks for intelRdt, which is not supported here'],
    [{ kind: 'a/b', containerEdits: { hooks: [{ hookName: 'odd', path: '/a' }] } }, 'f asks for the hook odd'],
    [{ kind: 'a/b', containerEdits: { mounts: [{ type: 'tmpfs' }] } }, 'f asks for a mount of type tmpfs'],
  ])('is refused when its file says %j', (document, message) => {
    expect(() => parseCdiSpec('f', document)).toThrow(message);
  });

  it.each([
    ['nvidia.com/gpu=0', { kind: 'nvidia.com/gpu', device: '0' }],
    ['nvidia.com/gpu=GPU-1a:2', { kind: 'nvidia.com/gpu', device: 'GPU-1a:2' }],
    ['/dev/null', undefined],
    ['gpu=0', undefined],
    ['a/b=', undefined],
    ['a/b=c=d', undefined],
  ])('is named %s', (text, expected) => {
    expect(parseCdiName(text)).toEqual(expected);
  });
});
