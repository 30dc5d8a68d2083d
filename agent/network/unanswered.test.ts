import { describe, expect, it } from 'vitest';
import { TCP_CLOSE_WAIT, TCP_ESTABLISHED, TCP_LISTEN, type TcpSocket } from './netlink/sock-diag.ts';
import { unanswered } from './unanswered.ts';

const LISTENER = socket({ state: TCP_LISTEN, localPort: 80 });

function socket(more: Partial<TcpSocket>): TcpSocket {
  const idle = { state: TCP_ESTABLISHED, localPort: 80, isToItself: false, unread: 0, unsent: 0 };
  return { ...idle, sinceSentMs: 1000, sinceReceivedMs: 1010, received: 1, sent: 1, ...more };
}

describe('a connection', () => {
  it.each([
    ['has been answered', {}, false],
    ['has been asked on after the last answer', { sinceReceivedMs: 500 }, true],
    ['has been asked on twenty seconds ago', { sinceReceivedMs: 20_000, sinceSentMs: 20_100 }, true],
    ['has a question that nobody has read', { unread: 1 }, true],
    ['has an answer that is on its way', { unsent: 1 }, true],
    ['was asked on in the moment it was made', { sinceReceivedMs: 9000, sinceSentMs: 9000, sent: 0 }, true],
    ['was asked on and answered in a moment', { sinceReceivedMs: 9000, sinceSentMs: 9000 }, false],
    ['was asked on and answered just now', { sinceReceivedMs: 900, sinceSentMs: 900 }, true],
    ['was made this moment', { sinceReceivedMs: 3, sinceSentMs: 3, received: 0, sent: 0 }, true],
    ['was made long ago and never used', { sinceReceivedMs: 9000, sinceSentMs: 9000, received: 0, sent: 0 }, false],
    ['has a client that says no more, and waits', { state: TCP_CLOSE_WAIT, sinceReceivedMs: 500 }, true],
    ['is being ended', { state: 4, sinceReceivedMs: 500 }, false],
    ['is one that the container made', { localPort: 40_000, sinceReceivedMs: 500 }, false],
    ['is from the container to itself', { isToItself: true, sinceReceivedMs: 500 }, false],
  ])('that %s', (_, more, waits) => {
    expect(unanswered([LISTENER, socket(more)])).toHaveLength(waits ? 1 : 0);
  });
});
