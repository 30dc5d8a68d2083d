import fc from 'fast-check';
import pino from 'pino';
import { expect, it } from 'vitest';
import { INGRESS_NETWORK } from '../../proto/ingress-network.ts';
import { systemClock } from '../clock.ts';
import { node } from '../objects.testing.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import { StoreState } from '../store/state.ts';
import { Store } from '../store/store.ts';
import { PeerTable } from './peers.ts';
import type { Reader } from './shared-list.ts';

type Step =
  | { readonly step: 'come' | 'go' | 'move' | 'leave' | 'take'; readonly nodeId: string }
  | { readonly step: 'miss events' };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      step: fc.constantFrom('come' as const, 'go' as const, 'move' as const, 'leave' as const, 'take' as const),
      nodeId: fc.constantFrom('n1', 'n2', 'n3', 'n4'),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ step: 'miss events' as const }) },
);

/** A node that remembers what it is told. */
class Node implements Reader {
  readonly nodeId: string;
  readonly known = new Map<string, string>();

  constructor(nodeId: string) {
    this.nodeId = nodeId;
  }

  learn(changes: ReturnType<PeerTable['take']>): void {
    for (const { removed, item } of changes) {
      if (item?.$case !== 'peer') throw new Error(`told of a ${item?.$case}`);
      if (removed) this.known.delete(item.value.nodeId);
      else this.known.set(item.value.nodeId, item.value.nodeAddress);
    }
  }
}

function openStore(): Store {
  const state = new StoreState(pino({ level: 'silent' }));
  return new Store(state, new MemoryLog('n1', state), systemClock);
}

it('tells each reader what it has missed, however long it was slow', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 200 }), async (all) => {
      const store = openStore();
      const watch = store.watch({ kinds: ['node'] });
      const [table, readers] = [new PeerTable(), ['n1', 'n2', 'n9'].map((nodeId) => new Node(nodeId))];
      const follow = () => {
        const events = watch.take();
        if (events === 'lagged') throw new Error('lagged');
        store.view((read) => {
          for (const event of events) table.follow(event, read);
        });
      };
      for (const [number, one] of all.entries()) {
        if (one.step === 'miss events') {
          watch.take();
          store.view((read) => table.refresh(read));
          continue;
        }
        const { step, nodeId } = one;
        const reader = readers.find((each) => each.nodeId === nodeId);
        if (step === 'take' && reader) reader.learn(store.view((read) => table.take(INGRESS_NETWORK, reader, read)));
        if (step === 'leave' && reader) {
          reader.learn(table.leave(INGRESS_NETWORK, reader));
          expect([...reader.known]).toEqual([]);
        }
        await store.update((tx) => {
          const found = tx.get('node', nodeId);
          if (step === 'go') tx.remove('node', nodeId);
          if (step === 'come' && found === undefined) tx.create('node', node(nodeId));
          const address = `192.0.2.${number}`;
          if (step === 'move' && found) tx.update('node', { ...found, status: { ...found.status, address } });
        });
        if (number % 3 > 0) follow();
      }
      follow();
      const places = store.view((read) =>
        read.find('node', { by: 'all' }).map(({ id, status }) => [id, status.address] as const),
      );
      for (const reader of readers) {
        reader.learn(store.view((read) => table.take(INGRESS_NETWORK, reader, read)));
        expect(reader.known).toEqual(new Map(places.filter(([id]) => id !== reader.nodeId)));
      }
      watch.close();
    }),
  );
});
