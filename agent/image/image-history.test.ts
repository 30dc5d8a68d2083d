import { describe, expect, it } from 'vitest';
import type { Digest } from '../../proto/ids.ts';
import { emptyImageDocument, type HistoryEntry } from './image-config.ts';
import { imageHistory } from './image-history.ts';

const id = `sha256:${'1'.repeat(64)}` as Digest;
const shown = (history: readonly HistoryEntry[], sizes: readonly number[]) => {
  const document = { ...emptyImageDocument({ os: 'linux', architecture: 'amd64' }), history };
  return imageHistory({ id, document }, sizes, ['a:1']).map((one) => [one.createdBy, one.sizeBytes, one.id !== '']);
};

describe('the history of an image', () => {
  it('gives layers to the entries that have made one, newest first', () => {
    const history = [
      { created_by: 'ADD' },
      { created_by: 'ENV', empty_layer: true },
      { created_by: 'RUN' },
      { created_by: 'CMD', empty_layer: true },
    ];
    expect(shown(history, [10, 20])).toEqual([
      ['CMD', 0, true],
      ['RUN', 20, false],
      ['ENV', 0, false],
      ['ADD', 10, false],
    ]);
  });

  it('shows layers that no entry tells of', () => {
    expect(shown([], [10, 20])).toEqual([
      ['', 20, true],
      ['', 10, false],
    ]);
    expect(shown([{ created_by: 'RUN' }], [10, 20])).toEqual([
      ['RUN', 20, true],
      ['', 10, false],
    ]);
  });

  it('shows entries whose layers are missing as empty', () => {
    expect(shown([{ created_by: 'ADD' }, { created_by: 'RUN' }], [10])).toEqual([
      ['RUN', 10, true],
      ['ADD', 0, false],
    ]);
  });
});
