import { describe, expect, it } from 'vitest';
import { ClippedOutput } from './clipped-output.ts';

function clip(maxBytes: number, ...pieces: readonly string[]): string {
  let text = '';
  const output = new ClippedOutput((data) => {
    text += data.toString();
  }, maxBytes);
  for (const piece of pieces) output.write(Buffer.from(piece));
  output.end();
  return text;
}

describe('output of a step', () => {
  it('is whole as long as it is short', () => {
    expect(clip(8, 'abcd', 'efgh')).toBe('abcdefgh');
    expect(clip(8, 'abcdefgh', 'ij')).toBe('abcdefghij');
  });

  it('keeps its beginning and its end when it is long', () => {
    const text = clip(4, 'abcdef', 'x'.repeat(20_000), 'end');
    expect(text).toMatch(/^abcd\n\[output clipped: 3621 bytes are left out\]\nx+end$/);
    expect(text.length).toBeLessThan(16_500);
  });
});
