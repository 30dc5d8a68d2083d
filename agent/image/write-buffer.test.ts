import { describe, expect, it } from 'vitest';
import { WriteBuffer } from './write-buffer.ts';

function collecting() {
  const writes: Buffer[] = [];
  const buffer = new WriteBuffer(async (bytes) => {
    writes.push(Buffer.from(bytes));
  });
  return { writes, buffer };
}

describe('a write buffer', () => {
  it('hands on all bytes in order, in fewer and larger pieces, whatever their sizes', async () => {
    const { writes, buffer } = collecting();
    const pieces = [1, 16_384, 300_000, 0, 262_144, 262_143, 1, 1, 100_000, 200_000].map((length, index) =>
      Buffer.alloc(length, index),
    );
    for (const piece of pieces) await buffer.write(piece);
    await buffer.flush();
    expect(Buffer.concat(writes).equals(Buffer.concat(pieces))).toBe(true);
    expect(writes.length).toBeLessThan(pieces.length);
  });

  it('keeps none of the pieces: whoever wrote one may use it again', async () => {
    const { writes, buffer } = collecting();
    const piece = Buffer.from('first');
    await buffer.write(piece);
    piece.write('other');
    await buffer.write(piece);
    await buffer.flush();
    expect(Buffer.concat(writes).toString()).toBe('firstother');
  });

  it('has nothing to hand on after a flush', async () => {
    const { writes, buffer } = collecting();
    await buffer.write(Buffer.from('x'));
    await buffer.flush();
    await buffer.flush();
    expect(writes).toHaveLength(1);
  });
});
