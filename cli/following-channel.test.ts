import { connectivityState } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { type Channel, FollowingChannel } from './following-channel.ts';

type State = (typeof connectivityState)[keyof typeof connectivityState];

/** Writes down what is asked of it. */
class FakeChannel {
  state: State = connectivityState.READY;
  readonly told: string[];
  readonly name: string;

  constructor(name: string, told: string[]) {
    this.name = name;
    this.told = told;
  }

  getConnectivityState(): State {
    return this.state;
  }

  createCall(method: string): string {
    this.told.push(`${this.name}: ${method}`);
    return method;
  }

  close(): void {
    this.told.push(`${this.name}: closed`);
  }
}

function channels(count: number) {
  const told: string[] = [];
  const all = Array.from({ length: count }, (_, index) => new FakeChannel(`m${index + 1}`, told));
  const rest = all.slice(1);
  const asChannel = (channel: FakeChannel | undefined) => channel as unknown as Channel;
  const following = new FollowingChannel(asChannel(all[0]), () => asChannel(rest.shift()));
  return { told, all, call: (method: string) => following.createCall(method, 0, null, null, null), following };
}

describe('a channel that follows the managers', () => {
  it('stays where it is while that answers', () => {
    const { told, call } = channels(2);
    call('/a');
    call('/b');
    expect(told).toEqual(['m1: /a', 'm1: /b']);
  });

  it.each<[string, State]>([
    ['has lost its connection', connectivityState.IDLE],
    ['is connecting again', connectivityState.CONNECTING],
    ['cannot', connectivityState.TRANSIENT_FAILURE],
  ])('makes the next call to the next manager when the one before %s', (_name, state) => {
    const { told, all, call, following } = channels(3);
    call('/a');
    if (all[0] !== undefined) all[0].state = state;
    call('/b');
    if (all[1] !== undefined) all[1].state = state;
    call('/c');
    following.close();
    expect(told).toEqual(['m1: /a', 'm1: closed', 'm2: /b', 'm2: closed', 'm3: /c', 'm3: closed']);
  });
});
