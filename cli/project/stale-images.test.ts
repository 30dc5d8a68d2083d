import { describe, expect, it } from 'vitest';
import { imageIdsByTask } from './stale-images.ts';

describe('imageIdsByTask', () => {
  it('knows the image of a task from its own container, not from those of its pre_start hooks', () => {
    const hook = { taskId: 'a', imageId: 'sha256:tool', preStart: 1 };
    const own = { taskId: 'a', imageId: 'sha256:web', preStart: undefined };
    const other = { taskId: 'b', imageId: 'sha256:db', preStart: undefined };
    const expected = new Map([
      ['a', 'sha256:web'],
      ['b', 'sha256:db'],
    ]);
    expect(imageIdsByTask([hook, own, other])).toEqual(expected);
    expect(imageIdsByTask([own, other, hook])).toEqual(expected);
  });
});
