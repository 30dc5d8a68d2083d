import { expect, it } from 'vitest';
import { ImageChanges } from './image-changes.ts';

it('what a manager knows already it isn’t told again', () => {
  const changes = new ImageChanges();
  const [amd64, arm64] = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }));
  const images = [{ id: 'i1', names: ['a:1'], platform: amd64, otherPlatforms: [] }];
  expect(changes.take({ images: [], partial: false })).toEqual({
    complete: true,
    put: [],
    removed: [],
    partial: false,
  });
  expect(changes.take({ images: [], partial: false })).toBeUndefined();
  expect(changes.take({ images, partial: false })).toEqual({
    complete: false,
    put: images,
    removed: [],
    partial: false,
  });
  expect(changes.take({ images: structuredClone(images), partial: false })).toBeUndefined();
  expect(changes.take({ images, partial: true })).toEqual({ complete: false, put: [], removed: [], partial: true });
  const more = images.map((image) => ({ ...image, otherPlatforms: arm64 === undefined ? [] : [arm64] }));
  expect(changes.take({ images: more, partial: true })).toMatchObject({ complete: false, put: more });
});
