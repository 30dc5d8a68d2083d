import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { node, service } from '../objects.testing.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import { StoreState } from '../store/state.ts';
import { Store } from '../store/store.ts';
import { resolve, resolveNode } from './references.ts';

async function open(): Promise<Store> {
  const state = new StoreState(pino({ level: 'silent' }));
  const store = new Store(state, new MemoryLog('n1', state), { now: () => 0, sleep: () => Promise.resolve() });
  await store.update((tx) => {
    tx.create('service', { ...service('abc1'), spec: { ...service('web').spec } });
    tx.create('service', { ...service('abd2'), spec: { ...service('abc').spec } });
    tx.create('node', node('n1'));
  });
  return store;
}

describe('a reference', () => {
  it.each([
    ['abc1', 'abc1'],
    ['web', 'abc1'],
    ['abd', 'abd2'],
    // A name goes before the beginning of an id.
    ['abc', 'abd2'],
  ])('%s is %s', async (reference, id) => {
    const store = await open();
    expect(store.view((read) => resolve(read, 'service', reference).id)).toBe(id);
  });

  it.each([
    ['ab', 'AMBIGUOUS', 'service ab is ambiguous: abc1, abd2'],
    ['x', 'NOT_FOUND', 'no such service: x'],
    ['', 'INVALID_ARGUMENT', 'an empty service reference'],
  ])('"%s" is %s', async (reference, code, message) => {
    const store = await open();
    expect(() => store.view((read) => resolve(read, 'service', reference))).toThrow(
      expect.objectContaining({ code, message }),
    );
  });

  it('names a node by id or host name', async () => {
    const store = await open();
    expect(store.view((read) => resolveNode(read, 'n1').id)).toBe('n1');
    expect(() => store.view((read) => resolveNode(read, 'n2'))).toThrow('no such node: n2');
  });
});
