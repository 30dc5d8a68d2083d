import { describe, expect, it } from 'vitest';
import { parseDockerfile } from './dockerfile.ts';
import { sourceExcerpt } from './source-excerpt.ts';

const text = 'FROM a\n\nRUN one \\\n  two\nRUN <<EOF\nthree\nEOF\nCMD x\n';
const dockerfile = parseDockerfile(text, 'web/Dockerfile');

function excerpt(message: string): string[] | undefined {
  return sourceExcerpt({ name: 'web/Dockerfile', text }, dockerfile, message)?.split('\n');
}

describe('an excerpt', () => {
  it('marks the whole instruction, with a line above and below', () => {
    expect(excerpt('web/Dockerfile:3: no')).toEqual([
      'web/Dockerfile:3',
      '--------------------',
      '   2 |     ',
      '   3 | >>> RUN one \\',
      '   4 | >>>   two',
      '   5 |     RUN <<EOF',
      '--------------------',
      '',
    ]);
    expect(excerpt('web/Dockerfile:5: no')?.filter((line) => line.includes('>>>'))).toHaveLength(3);
  });

  it('shows two lines around a short one, as far as there are any', () => {
    expect(excerpt('web/Dockerfile:1: no')?.slice(2, -2)).toEqual([
      '   1 | >>> FROM a',
      '   2 |     ',
      '   3 |     RUN one \\',
    ]);
  });

  it('is not there when the error names no line of the file', () => {
    for (const message of ['no', 'other:1: no', 'web/Dockerfile:99: no', 'web/Dockerfile: there is no FROM']) {
      expect(excerpt(message)).toBeUndefined();
    }
  });
});
