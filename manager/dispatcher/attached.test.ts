import pino from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { type AssignmentChange, AttachedContainer } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { Network, NodeState } from '../../proto/generated/gantry/v1/types.ts';
import { systemClock } from '../clock.ts';
import { node } from '../objects.testing.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import { networkType } from '../store/network.ts';
import { StoreState } from '../store/state.ts';
import { Store } from '../store/store.ts';
import { AttachedTable } from './attached.ts';

let store: Store;
let table: AttachedTable;

beforeEach(async () => {
  const state = new StoreState(pino({ level: 'silent' }));
  store = new Store(state, new MemoryLog('n1', state), systemClock);
  await store.update((tx) => {
    for (const id of ['n1', 'n2', 'n3']) tx.create('node', node(id));
    for (const id of ['net', 'closed']) {
      const blocks = [
        { nodeId: 'n1', cidr: '10.0.0.0/26' },
        { nodeId: 'n2', cidr: '10.0.0.64/26' },
      ];
      const spec = { annotations: { name: id, labels: {} }, attachable: id === 'net' };
      tx.create('network', networkType.complete(Network.fromPartial({ id, spec, blocks })));
    }
  });
  table = new AttachedTable();
});

function container(containerId: string, address: string, more: Partial<AttachedContainer> = {}): AttachedContainer {
  return AttachedContainer.fromPartial({
    networkId: 'net',
    containerId,
    names: [containerId],
    addresses: [address],
    ...more,
  });
}

function report(
  nodeId: string,
  complete: boolean,
  put: AttachedContainer[],
  removed: AttachedContainer[] = [],
): string[] {
  return store.view((read) => table.report(nodeId, { complete, put, removed }, read));
}

function begin(): void {
  store.view((read) => table.begin(read));
}

/** What a node comes to know. */
class Reader {
  readonly nodeId: string;
  readonly known = new Map<string, readonly string[]>();
  isAssured: boolean = false;

  constructor(nodeId: string) {
    this.nodeId = nodeId;
  }

  take(networkId = 'net'): this {
    for (const change of table.take(networkId, this)) this.#learn(change);
    return this;
  }

  #learn({ removed, item }: AssignmentChange): void {
    if (item?.$case === 'attachedKnown') this.isAssured = true;
    if (item?.$case !== 'attached') return;
    const key = `${item.value.nodeId} ${item.value.containerId}`;
    if (removed) this.known.delete(key);
    else this.known.set(key, item.value.addresses);
  }
}

async function setState(nodeId: string, state: NodeState): Promise<string[]> {
  const watch = store.watch({ kinds: ['node'] });
  await store.update((tx) => {
    const found = tx.get('node', nodeId);
    if (found !== undefined) tx.update('node', { ...found, status: { ...found.status, state } });
  });
  const events = watch.take();
  watch.close();
  if (events === 'lagged') throw new Error('lagged');
  return store.view((read) => events.flatMap((event) => table.follow(event, read)));
}

describe('a node is told', () => {
  beforeEach(begin);

  it('what others have, and nothing of its own', () => {
    expect(report('n1', true, [container('db', '10.0.0.2')])).toEqual(['net']);
    expect(new Reader('n1').take().known).toEqual(new Map());
    const reader = new Reader('n2').take();
    expect(reader.known).toEqual(new Map([['n1 db', ['10.0.0.2']]]));
    expect(report('n1', false, [container('db', '10.0.0.2')])).toEqual([]);
    expect(report('n1', false, [container('db', '10.0.0.3')])).toEqual(['net']);
    expect(reader.take().known).toEqual(new Map([['n1 db', ['10.0.0.3']]]));
    expect(report('n1', false, [], [container('db', '')])).toEqual(['net']);
    expect(reader.take().known).toEqual(new Map());
  });

  it('that all of a node is gone which a complete report does not name, a node that is down, or a network', async () => {
    const all = [container('a', '10.0.0.2'), container('b', '10.0.0.3')];
    const reader = new Reader('n2');
    report('n1', true, all);
    expect(reader.take().known.size).toBe(2);
    report('n1', true, all.slice(1));
    expect([...reader.take().known.keys()]).toEqual(['n1 b']);
    expect(await setState('n1', NodeState.DOWN)).toEqual(['net']);
    expect(reader.take().known.size).toBe(0);
    await setState('n1', NodeState.READY);
    report('n1', true, all);
    expect(reader.take().known.size).toBe(2);
    await store.update((tx) => tx.remove('network', 'net'));
    expect(store.view((read) => table.refresh(read))).toEqual(['net']);
    expect(reader.take().known.size).toBe(0);
  });

  it('what a node says after it was down, though the news of that comes late', async () => {
    await store.update((tx) => {
      const found = tx.get('node', 'n1');
      if (found !== undefined) tx.update('node', { ...found, status: { ...found.status, state: NodeState.DOWN } });
    });
    report('n1', true, [container('db', '10.0.0.2')]);
    expect(await setState('n1', NodeState.READY)).toEqual([]);
    expect(new Reader('n2').take().known.size).toBe(1);
  });
});

describe('a node may speak', () => {
  beforeEach(begin);

  it('only for addresses that it was given, on networks that are attachable', () => {
    const closed = container('d', '10.0.0.2', { networkId: 'closed' });
    const nowhere = container('e', '10.0.0.2', { networkId: 'none' });
    report('n1', true, [container('a', '10.0.0.64'), container('b', '::1'), container('c', 'x'), closed, nowhere]);
    report('n1', false, [container('f', '', { addresses: ['10.0.0.65', '10.0.0.3'] })]);
    const reader = new Reader('n2').take().take('closed').take('none');
    expect(reader.known).toEqual(new Map([['n1 f', ['10.0.0.3']]]));
  });

  it('only of itself', () => {
    report('n1', true, [container('a', '10.0.0.2')]);
    report('n2', true, [container('a', '10.0.0.66', { nodeId: 'n1' })]);
    report('n2', false, [], [container('a', '', { nodeId: 'n1' })]);
    expect([...new Reader('n3').take().known.keys()]).toEqual(['n1 a']);
  });
});

describe('after a change of leader', () => {
  it('nodes are assured that there are no others once all that are up have been heard', async () => {
    await setState('n3', NodeState.DOWN);
    // It is quicker than the manager.
    report('n1', true, []);
    begin();
    const [first, second] = [new Reader('n1').take(), new Reader('n2').take()];
    expect([first.isAssured, second.isAssured]).toEqual([false, false]);
    expect(report('n2', true, [])).toEqual(['net']);
    expect(first.take().isAssured).toBe(true);
    expect(new Reader('n3').take().isAssured).toBe(true);
    expect(table.take('net', first)).toEqual([]);
  });

  it('a node that is found to be down, or is removed, is waited for no longer', async () => {
    begin();
    const reader = new Reader('n1').take();
    report('n1', true, []);
    expect(await setState('n2', NodeState.DOWN)).toEqual([]);
    await store.update((tx) => tx.remove('node', 'n3'));
    expect(store.view((read) => table.refresh(read))).toEqual(['net']);
    expect(reader.take().isAssured).toBe(true);
  });
});
