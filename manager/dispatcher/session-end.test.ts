import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { expect, it } from 'vitest';
import { SessionRequest } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { systemClock } from '../clock.ts';
import { NodeImages } from '../images/node-images.ts';
import { node } from '../objects.testing.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import { StoreState } from '../store/state.ts';
import { Store } from '../store/store.ts';
import { Turns } from '../turns.ts';
import { Dispatcher } from './dispatcher.ts';

const logger = pino({ level: 'silent' });
const caller = { kind: 'administrator', forwarded: false } as const;

async function* hello() {
  const value = { nodeId: 'n1', address: '192.0.2.1', description: undefined };
  yield SessionRequest.fromPartial({ message: { $case: 'hello', value } });
  await new Promise(() => undefined);
}

it('ends all sessions with the term, and takes no more: nobody would tell them anything', async () => {
  const state = new StoreState(logger);
  const store = new Store(state, new MemoryLog('n1', state), systemClock);
  await store.update((tx) => void tx.create('node', node('n1')));
  const options = {
    store,
    clock: systemClock,
    random: randomBytes,
    heartbeatPeriodMs: 1000,
    turns: new Turns(),
    images: new NodeImages(),
    logger,
  };
  const dispatcher = new Dispatcher({ ...options, managers: () => [] });
  const over = new AbortController();
  const running = dispatcher.run(over.signal);
  const never = new AbortController().signal;
  const before = dispatcher.session(hello(), never, caller);
  expect((await before.next()).value?.message?.$case).toBe('welcome');
  over.abort();
  await running;
  const read = async (session: AsyncIterable<unknown>) => {
    for await (const _ of session);
  };
  await expect(read(before)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(read(dispatcher.session(hello(), never, caller))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'this manager does not lead any more',
  });
});
