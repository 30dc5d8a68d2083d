import { describe, expect, it } from 'vitest';
import { Progress } from './progress.ts';

const LIMITS = { maxMessages: 2, maxBytes: Number.POSITIVE_INFINITY };

function replicating(match: number): Progress {
  const progress = new Progress(match, match + 1, LIMITS);
  progress.becomeReplicate();
  return progress;
}

describe('a follower that is probed', () => {
  it('gets one message with entries until it answers', () => {
    const progress = new Progress(0, 10, LIMITS);
    progress.sent(0, 0);
    expect(progress.paused).toBe(false);
    progress.sent(3, 30);
    expect(progress).toMatchObject({ paused: true, next: 10 });
    progress.resume();
    expect(progress.paused).toBe(false);
  });

  it('is tried further back when it rejects, never behind what it has', () => {
    const progress = new Progress(4, 10, LIMITS);
    expect(progress.retreat(9, 6)).toBe(true);
    expect(progress.next).toBe(7);
    expect(progress.retreat(9, 6)).toBe(false);
    expect(progress.retreat(6, 1)).toBe(true);
    expect(progress.next).toBe(5);
  });
});

describe('a follower that is replicated to', () => {
  it('gets messages on trust until the window is full', () => {
    const progress = replicating(3);
    progress.sent(2, 0);
    expect(progress).toMatchObject({ next: 6, inflight: 1, paused: false });
    progress.sent(1, 0);
    expect(progress).toMatchObject({ next: 7, inflight: 2, paused: true, full: true });
    expect(progress.confirm(5)).toBe(true);
    progress.freeInflight(5);
    expect(progress).toMatchObject({ match: 5, next: 7, inflight: 1, paused: false, full: false });
  });

  it('is begun with again after what it has when it rejects', () => {
    const progress = replicating(3);
    progress.sent(4, 0);
    expect(progress.retreat(3, 0)).toBe(false);
    expect(progress.retreat(5, 5)).toBe(true);
    expect(progress.next).toBe(4);
  });

  it('wants to hear of a commit index that it can use and has not heard of', () => {
    const progress = replicating(5);
    expect(progress.wantsCommit(5)).toBe(true);
    progress.sentCommit(5);
    expect(progress.wantsCommit(9)).toBe(false);
    progress.sent(2, 0);
    expect(progress.wantsCommit(9)).toBe(true);
    expect(progress.wantsCommit(5)).toBe(false);
  });
});

describe('a follower that is sent a snapshot', () => {
  it('is paused, and probed from there when the snapshot has arrived', () => {
    const progress = replicating(3);
    progress.becomeSnapshot(20);
    expect(progress).toMatchObject({ paused: true, pendingSnapshot: 20, next: 21 });
    progress.becomeProbe();
    expect(progress).toMatchObject({ state: 'probe', match: 3, next: 21, pendingSnapshot: 0 });
  });

  it('is probed from what it has when the snapshot is lost', () => {
    const progress = replicating(3);
    progress.becomeSnapshot(20);
    progress.forgetSnapshot();
    progress.becomeProbe();
    expect(progress.next).toBe(4);
  });
});
