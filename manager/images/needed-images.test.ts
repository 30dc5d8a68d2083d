import { describe, expect, it } from 'vitest';
import { StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { service, serviceSpec, task } from '../objects.testing.ts';
import type { AnyObject } from '../store/objects.ts';
import { completeServiceSpec } from '../store/service.ts';
import { Tables } from '../store/tables.ts';
import { neededImages } from './needed-images.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const image = (letter: string, ...names: string[]) => ({
  id: digest(letter),
  names: names.map((name) => `docker.io/library/${name}`),
  platform: undefined,
  otherPlatforms: [],
});
const IMAGES = [
  image('a', 'web:1', `web@${digest('9')}`),
  image('b', 'web:2'),
  image('c', 'db:latest', 'db:16'),
  image('d', 'old:1'),
];

function needed(...objects: AnyObject[]): string[] {
  const tables = new Tables();
  // Kind and object belong together, which the union's type doesn't say.
  for (const { kind, object } of objects) tables.put(kind, object as never);
  return neededImages(tables, IMAGES)
    .map((id) => id.charAt(7))
    .sort(compare);
}

const compare = (a: string, b: string) => (a < b ? -1 : 1);

const withImage = (name: string, previous?: string): AnyObject => ({
  kind: 'service',
  object: service(`s-${name}`, {
    image: name,
    previousSpec: previous === undefined ? undefined : completeServiceSpec(serviceSpec('s', { image: previous })),
  }),
});

describe('images that the cluster needs', () => {
  it.each([
    ['nothing without services', [], []],
    ['that of a service, as it is written', [withImage('web:1'), withImage('docker.io/db')], ['a', 'c']],
    ['that of the version before, for a rollback', [withImage('web:2', 'web:1')], ['a', 'b']],
    ['one by its digest, whatever the tag', [withImage(`web:7@${digest('9')}`)], ['a']],
    ['one by its id', [withImage(digest('d')), withImage('bbbbbbbbbbbb')], ['b', 'd']],
  ] as const)('are %s', (_, objects, ids) => {
    expect(needed(...objects)).toEqual(ids);
  });

  it('are those of tasks until they end, and of what a stack was deployed as', () => {
    const running = task('t1', { state: TaskState.RUNNING, spec: withImageSpec('web:1') });
    const ended = task('t2', { state: TaskState.FAILED, spec: withImageSpec('web:2') });
    const spec = Buffer.from(
      StackSpec.encode(StackSpec.fromPartial({ services: [serviceSpec('x', { image: 'old:1' })] })).finish(),
    );
    const version = {
      ...{ id: 'v1', meta: service('any').meta, stack: 'shop', version: 1, deployedAtMs: 0, rollbackTo: 0 },
      ...{ services: ['x'], secretIds: [], configIds: [], spec },
    };
    expect(
      needed(
        { kind: 'task', object: running },
        { kind: 'task', object: ended },
        { kind: 'stackVersion', object: version },
      ),
    ).toEqual(['a', 'd']);
  });
});

function withImageSpec(name: string) {
  return completeServiceSpec(serviceSpec('s', { image: name })).task;
}
