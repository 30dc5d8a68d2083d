import { describe, expect, it } from 'vitest';
import { ImagePulls } from './image-pulls.ts';

describe('nodes that bring an image', () => {
  it('are told of those before them, and of no others', () => {
    const pulls = new ImagePulls();
    expect(pulls.begin('web:1', 'n1', 0)).toEqual([]);
    expect(pulls.begin('web:1', 'n2', 1)).toEqual(['n1']);
    expect(pulls.begin('web:2', 'n2', 1)).toEqual([]);
    expect(pulls.begin('web:1', 'n3', 2)).toEqual(['n1', 'n2']);
  });

  it('come last when they ask again, and are forgotten with their session or after ten minutes', () => {
    const pulls = new ImagePulls();
    for (const node of ['n1', 'n2', 'n3']) pulls.begin('web:1', node, 0);
    expect(pulls.begin('web:1', 'n1', 1)).toEqual(['n2', 'n3']);
    pulls.forget('n2');
    expect(pulls.begin('web:1', 'n4', 2)).toEqual(['n3', 'n1']);
    expect(pulls.begin('web:1', 'n5', 600_001)).toEqual(['n4']);
  });
});
