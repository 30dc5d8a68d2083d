import { expect, it } from 'vitest';
import { ImageChanges } from './image-changes.ts';

it('what a manager knows already it isn’t told again', () => {
  const changes = new ImageChanges();
  const images = [{ id: 'i1', names: ['a:1'], platform: { os: 'linux', architecture: 'amd64' } }];
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
});
