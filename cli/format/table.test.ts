import { describe, expect, it } from 'vitest';
import { alignColumns, ellipsis, shortId } from './table.ts';

describe('alignColumns', () => {
  it('pads columns to at least ten, with three between, and leaves the last as it is', () => {
    expect(alignColumns(['ID\tNAME\tSTATE', 'x\ta longer name\tup'])).toBe(
      'ID        NAME            STATE\nx         a longer name   up',
    );
  });

  it('counts characters, not bytes', () => {
    expect(alignColumns(['äöüäöüäöü\tx', 'b\ty'])).toBe('äöüäöüäöü   x\nb           y');
  });

  it('keeps empty cells and lines of one cell', () => {
    expect(alignColumns(['A\tB\tC', '1\t\t3', 'alone'])).toBe('A         B         C\n1                   3\nalone');
  });
});

describe('ellipsis', () => {
  it.each([
    ['short', 20, 'short'],
    ['exactly-ten', 11, 'exactly-ten'],
    ['/bin/sh -c while true; do x; done', 20, '/bin/sh -c while tr…'],
  ])('%s at %d', (text, length, expected) => {
    expect(ellipsis(text, length)).toBe(expected);
  });
});

describe('shortId', () => {
  it('leaves out the algorithm', () => {
    expect(shortId(`sha256:${'0123456789ab'.repeat(6)}`)).toBe('0123456789ab');
  });
});
