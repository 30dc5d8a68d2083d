import { describe, expect, it } from 'vitest';
import { decodeRound, encodeRound, ReadQueue } from './read-queue.ts';

function read(text: string) {
  return { from: 'a', context: Buffer.from(text) };
}

describe('reads', () => {
  it('are confirmed with their round, and all before it, in order', () => {
    const queue = new ReadQueue();
    queue.add(read('one'), 5, queue.nextRound(1));
    queue.add(read('two'), 5, queue.round);
    queue.add(read('three'), 6, queue.nextRound(1));
    queue.add(read('four'), 7, queue.nextRound(2));
    expect(queue.confirm(0)).toEqual([]);
    expect(queue.confirm(2).map(({ index }) => index)).toEqual([5, 5, 6]);
    expect(queue.confirm(2)).toEqual([]);
    expect(queue.confirm(9).map(({ index }) => index)).toEqual([7]);
  });

  it('take the highest round that a peer has answered', () => {
    const queue = new ReadQueue();
    queue.answer('b', 3);
    queue.answer('b', 2);
    expect(queue.answered.get('b')).toBe(3);
  });
});

describe('a lease', () => {
  it('begins when what was answered was sent, not when the answer came', () => {
    const queue = new ReadQueue();
    const first = queue.nextRound(10);
    queue.nextRound(14);
    expect(queue.hasLease(14, 5)).toBe(false);
    queue.confirm(first);
    expect(queue.hasLease(14, 5)).toBe(true);
    expect(queue.hasLease(15, 5)).toBe(false);
  });

  it('takes no round for later than it was', () => {
    const queue = new ReadQueue();
    const early = queue.nextRound(10);
    queue.nextRound(10);
    queue.confirm(early);
    // Two rounds of one tick are known together: the lease begins with both.
    expect(queue.hasLease(11, 5)).toBe(false);
    queue.confirm(early + 1);
    expect(queue.hasLease(11, 5)).toBe(true);
  });

  it('is over for good once it is given up', () => {
    const queue = new ReadQueue();
    queue.confirm(queue.nextRound(10));
    queue.giveUpLease();
    queue.confirm(queue.nextRound(11));
    expect(queue.hasLease(11, 5)).toBe(false);
  });
});

describe('the number of a round', () => {
  it.each([0, 1, 2 ** 31, 2 ** 52])('%d goes there and back', (round) => {
    expect(decodeRound(encodeRound(round))).toBe(round);
  });

  it('is 0 where there is none', () => {
    expect(decodeRound(new Uint8Array())).toBe(0);
  });
});
