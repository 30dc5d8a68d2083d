import { describe, expect, it } from 'vitest';
import { Withdrawals } from './withdrawals.ts';

const withdrawal = (taskId: string, revision = 1) => ({ taskId, nodeId: 'n1', revision, sinceMs: 1000 });

describe('a withdrawal', () => {
  it('holds its task until each node has acknowledged it', () => {
    const withdrawals = new Withdrawals();
    withdrawals.begin(withdrawal('t', 5), ['n1', 'n2', 'n3']);
    expect(withdrawals.applied('n1', 4)).toEqual([]);
    expect(withdrawals.applied('n1', 5)).toEqual([]);
    expect(withdrawals.applied('n2', 9)).toEqual([]);
    expect(withdrawals.isHeld('t')).toBe(true);
    expect(withdrawals.applied('n3', 5)).toEqual([withdrawal('t', 5)]);
    expect(withdrawals.isHeld('t')).toBe(false);
    expect(withdrawals.applied('n3', 6)).toEqual([]);
  });

  it('waits for no node that is gone, and for none that is up to date', () => {
    const withdrawals = new Withdrawals();
    withdrawals.begin(withdrawal('t'), ['n1', 'n2']);
    withdrawals.begin(withdrawal('nobody-sends-to-it'), []);
    expect(withdrawals.isHeld('nobody-sends-to-it')).toBe(false);
    expect(withdrawals.gone('n2')).toEqual([]);
    expect(withdrawals.applied('n1', 1)).toEqual([withdrawal('t')]);
  });

  it('goes on as it began when the store is looked at anew', () => {
    const withdrawals = new Withdrawals();
    withdrawals.begin(withdrawal('t'), ['n1', 'n2']);
    withdrawals.applied('n1', 1);
    withdrawals.begin(withdrawal('t', 8), ['n1', 'n2']);
    expect(withdrawals.applied('n2', 1)).toEqual([withdrawal('t')]);
  });

  it('is forgotten with its task', () => {
    const withdrawals = new Withdrawals();
    withdrawals.begin(withdrawal('t'), ['n1']);
    withdrawals.forget('t');
    expect(withdrawals.isHeld('t')).toBe(false);
    expect(withdrawals.gone('n1')).toEqual([]);
  });

  it('ends after 30 s, and says for whom it waited', () => {
    const withdrawals = new Withdrawals();
    withdrawals.begin(withdrawal('t'), ['n3', 'n1', 'n2']);
    withdrawals.applied('n1', 1);
    expect(withdrawals.takeOverdue(30_999)).toEqual([]);
    expect(withdrawals.takeOverdue(31_000)).toEqual([{ ...withdrawal('t'), silent: ['n2', 'n3'] }]);
    expect(withdrawals.isHeld('t')).toBe(false);
    expect(withdrawals.takeOverdue(99_000)).toEqual([]);
  });
});
