import { describe, expect, it } from 'vitest';
import type { Digest } from '../../proto/ids.ts';
import type { ImageRecord, IndexState } from './image-index.ts';
import { reportImages } from './image-report.ts';

const digest = (number: number): Digest => `sha256:${number.toString(16).padStart(64, '0')}` as Digest;
const record = (number: number) =>
  ({
    id: digest(number),
    manifestDigest: digest(1000 + number),
    document: { os: 'linux', architecture: 'arm64' },
    chainIds: [],
  }) as unknown as ImageRecord;

/** Images by number, each with its names. */
function state(names: Readonly<Record<number, readonly string[]>>): IndexState {
  const numbers = Object.keys(names).map(Number);
  const target = digest(5000);
  return {
    images: new Map(numbers.map((number) => [digest(1000 + number), record(number)])),
    names: new Map(
      numbers.flatMap((number) =>
        (names[number] ?? []).map((name) => [name, { manifest: digest(1000 + number), target }]),
      ),
    ),
    others: new Map(),
  };
}

const sizeOf = ({ id }: ImageRecord) => Number.parseInt(id.slice(-8), 16);

describe('what managers are told of images', () => {
  it('is their names, also by digest, and what they are for; those without a name can’t be asked for', () => {
    const { images, partial } = reportImages(
      state({ 1: ['docker.io/library/web:1', 'docker.io/library/web:2'], 2: [] }),
      sizeOf,
    );
    const names = ['docker.io/library/web:1', 'docker.io/library/web:2', `docker.io/library/web@${digest(5000)}`];
    expect(images).toEqual([
      { id: digest(1), names, platform: { os: 'linux', architecture: 'arm64' }, otherPlatforms: [] },
    ]);
    expect(partial).toBe(false);
  });

  it('is also what is here for other platforms under the same names', () => {
    const both = state({ 1: ['docker.io/library/web:1'], 2: [] });
    const { images } = reportImages({ ...both, others: new Map([[digest(5000), [digest(1002)]]]) }, sizeOf);
    expect(images).toMatchObject([{ id: digest(1), otherPlatforms: [{ os: 'linux', architecture: 'arm64' }] }]);
  });

  it('has a bound: the biggest are told, and that there are more', () => {
    const many = Object.fromEntries(
      Array.from({ length: 101 }, (_, number) => [number, [`docker.io/library/i:${number}`]]),
    );
    const { images, partial } = reportImages(state(many), sizeOf);
    expect(images.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, index) => digest(100 - index)));
    expect(partial).toBe(true);
    const tags = Array.from({ length: 20 }, (_, number) => `docker.io/library/i:${number}`);
    expect(reportImages(state({ 1: tags }), sizeOf)).toMatchObject({
      images: [{ names: { length: 10 } }],
      partial: true,
    });
  });
});
