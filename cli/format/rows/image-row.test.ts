import { describe, expect, it } from 'vitest';
import { Image } from '../../../proto/generated/gantry/v1/engine.ts';
import { imageRows } from './image-row.ts';

const OPTIONS = { truncate: true, nowMs: Date.UTC(2026, 0, 2) };

describe('when an image was made', () => {
  it.each([
    [Date.UTC(2026, 0, 1), '24 hours ago', '2026-01-01 00:00:00 +0000 UTC'],
    [0, 'N/A', 'N/A'],
  ])('with %i is said: %s', (createdAtMs, since, at) => {
    const [row] = imageRows(Image.create({ createdAtMs, tags: ['web:1'] }), OPTIONS);
    expect([row?.CreatedSince, row?.CreatedAt]).toEqual([since, at]);
  });
});
