import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { expect, it, vi } from 'vitest';
import { SessionRequest } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { NodeState } from '../../proto/generated/gantry/v1/types.ts';
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

async function* hello(nodeId = 'n1') {
  const value = { nodeId, address: '192.0.2.1', description: undefined };
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

it('does not take a node for silent that comes while another one is marked down', async () => {
  const state = new StoreState(logger);
  const log = new MemoryLog('n1', state);
  const store = new Store(state, log, systemClock);
  const nodes = ['n1', 'n2'].map((id) => node(id, { state: NodeState.READY }));
  for (const one of nodes) await store.update((tx) => void tx.create('node', one));
  const options = {
    store,
    clock: systemClock,
    random: randomBytes,
    heartbeatPeriodMs: 50,
    turns: new Turns(),
    images: new NodeImages(),
    logger,
  };
  const dispatcher = new Dispatcher({ ...options, managers: () => [] });
  const over = new AbortController();
  const stateOf = (id: string) => store.view((read) => read.get('node', id))?.status.state;
  // Both are silent; n2 comes just as n1 has been found to be.
  const propose = log.propose.bind(log);
  let comes: Promise<unknown> = Promise.resolve();
  const session = dispatcher.session(hello('n2'), over.signal, { kind: 'administrator', forwarded: false });
  vi.spyOn(log, 'propose').mockImplementationOnce(async (data) => {
    comes = session.next();
    await new Promise((resolve) => setImmediate(resolve));
    return propose(data);
  });
  const running = dispatcher.run(over.signal);
  await vi.waitFor(() => expect(stateOf('n1')).toBe(NodeState.DOWN));
  await comes;
  await store.update((tx) => void tx.get('node', 'n2'));
  expect(stateOf('n2')).toBe(NodeState.READY);
  over.abort();
  await running;
});
