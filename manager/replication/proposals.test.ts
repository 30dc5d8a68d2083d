import { describe, expect, it, vi } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { Proposals } from './proposals.ts';

const bytes = (text: string) => Buffer.from(text);
const accept = () => true;

describe('Proposals', () => {
  it('resolves each with the index of the entry that it became', async () => {
    const proposals = new Proposals();
    const added = [proposals.add(bytes('one')), proposals.add(bytes('two'))];
    const propose = vi.fn(accept);
    proposals.submit(propose, 7, 2);
    expect(propose).toHaveBeenCalledExactlyOnceWith([bytes('one'), bytes('two')]);
    proposals.applied(8, 2);
    proposals.applied(9, 2);
    expect(await Promise.all(added)).toEqual([8, 9]);
  });

  it('rejects one whose place another leader has filled', async () => {
    const proposals = new Proposals();
    const added = proposals.add(bytes('one'));
    proposals.submit(accept, 7, 2);
    proposals.applied(8, 3);
    await expect(added).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('rejects what cannot be proposed, and what waits when all is over', async () => {
    const proposals = new Proposals();
    const refused = proposals.add(bytes('one'));
    proposals.submit(() => false, 0, 1);
    await expect(refused).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const [submitted, waiting] = [proposals.add(bytes('two')), proposals.track(9, 1)];
    proposals.submit(accept, 0, 1);
    const last = proposals.add(bytes('three'));
    proposals.rejectAll(new GantryError('HOST', 'over'));
    for (const each of [submitted, waiting, last]) await expect(each).rejects.toMatchObject({ message: 'over' });
  });

  it('lets only so much be under way at once', async () => {
    const proposals = new Proposals();
    const large = Buffer.alloc(20 * 1024 * 1024);
    const added = Array.from({ length: 4 }, () => proposals.add(large));
    const sizes: number[] = [];
    const propose = (data: readonly Uint8Array[]) => {
      sizes.push(data.length);
      return true;
    };
    proposals.submit(propose, 0, 1);
    expect(proposals.waiting).toBe(false);
    proposals.submit(propose, 2, 1);
    expect(sizes).toEqual([2]);
    proposals.applied(1, 1);
    proposals.applied(2, 1);
    expect(proposals.waiting).toBe(true);
    proposals.submit(propose, 2, 1);
    expect(sizes).toEqual([2, 2]);
    proposals.applied(3, 1);
    proposals.applied(4, 1);
    expect(await Promise.all(added)).toEqual([1, 2, 3, 4]);
  });
});
