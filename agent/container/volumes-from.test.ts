import { describe, expect, it } from 'vitest';
import { ContainerConfig } from '../../proto/generated/gantry/v1/engine.ts';
import { ContainerSpec, Mount, MountType } from '../../proto/generated/gantry/v1/types.ts';
import type { ContainerContext } from './context.ts';
import type { ContainerRecord } from './record.ts';
import { mountsOf, withVolumesFrom } from './volumes-from.ts';

const bind = (source: string, target: string, readOnly = false) =>
  Mount.create({ type: MountType.BIND, source, target, readOnly });
const tmpfs = Mount.create({ type: MountType.TMPFS, target: '/tmp' });

type Source = Pick<ContainerRecord, 'config' | 'volumes'>;

const DB: Source = {
  config: ContainerConfig.fromPartial({ spec: { mounts: [bind('/etc/db', '/etc/db', true), tmpfs] } }),
  volumes: [{ name: 'abc', target: '/data', readOnly: false, anonymous: true }],
};
const WEB: Source = {
  config: ContainerConfig.fromPartial({ spec: { mounts: [bind('/srv/web', '/data')] } }),
  volumes: [],
};

const RECORDS: Readonly<Record<string, Source>> = { db: DB, web: WEB };
const index = {
  get: (reference: string) => {
    const record = RECORDS[reference];
    if (record === undefined) throw new Error(`no such container: ${reference}`);
    return { record };
  },
} as unknown as ContainerContext['index'];

/** SOURCE:TARGET[:ro] of what a container gets that has `own` itself. */
function taken(volumesFrom: string[], own: Mount[] = []): string[] {
  const { mounts } = withVolumesFrom({ index }, ContainerSpec.create({ mounts: own }), volumesFrom);
  return mounts.map(({ source, target, readOnly }) => `${source}:${target}${readOnly ? ':ro' : ''}`);
}

describe('--volumes-from', () => {
  it('takes binds and volumes, each by its name, and no tmpfs', () => {
    expect(taken(['db'])).toEqual(['/etc/db:/etc/db:ro', 'abc:/data']);
    expect(taken(['db:rw'])).toEqual(['/etc/db:/etc/db:ro', 'abc:/data']);
    expect(mountsOf(DB, false).at(-1)).toMatchObject({ type: MountType.VOLUME, volumeNoCopy: true });
  });

  it('takes of a volume what the other one has of it', () => {
    const volumes = [{ name: 'abc', target: '/data', readOnly: false, anonymous: false, subpath: 'sub/dir' }];
    expect(mountsOf({ ...DB, volumes }, false).at(-1)).toMatchObject({ source: 'abc', subpath: 'sub/dir' });
    expect(mountsOf(DB, false).at(-1)).toMatchObject({ subpath: '' });
  });

  it('takes them read-only when told so', () => {
    expect(taken(['db:ro'])).toEqual(['/etc/db:/etc/db:ro', 'abc:/data:ro']);
  });

  it('lets the later win at the same place, and what is mounted itself over all', () => {
    expect(taken(['db', 'web'])).toEqual(['/etc/db:/etc/db:ro', '/srv/web:/data']);
    expect(taken(['db', 'web'], [bind('/own', '/data/')])).toEqual(['/etc/db:/etc/db:ro', '/own:/data/']);
  });

  it('leaves alone what takes none', () => {
    expect(taken([], [tmpfs])).toEqual([':/tmp']);
  });

  it.each(['', 'db:rx', 'db:ro:rw', ':ro'])('refuses "%s"', (text) => {
    expect(() => taken([text])).toThrow(`invalid volumes-from "${text}"`);
  });

  it('refuses a container that there is not', () => {
    expect(() => taken(['nobody'])).toThrow('no such container: nobody');
  });
});
