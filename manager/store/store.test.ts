import pino from 'pino';
import { describe, expect, it } from 'vitest';
import {
  type StoreAction,
  StoreActionKind,
  StoreSnapshot,
  StoreTransaction,
} from '../../proto/generated/gantry/v1/store.ts';
import type { Clock } from '../clock.ts';
import { MemoryLog } from './memory-log.testing.ts';
import { type NetworkObject, networkType } from './network.ts';
import { toWire } from './objects.ts';
import { StoreState } from './state.ts';
import { Store } from './store.ts';

const logger = pino({ level: 'silent' });
const clock: Clock = { now: () => 1000, sleep: () => Promise.resolve() };

function network(id: string, name: string, labels: Record<string, string> = {}): NetworkObject {
  return networkType.complete({
    id,
    meta: undefined,
    spec: {
      annotations: { name, labels },
      driver: 'bridge',
      driverOpts: {},
      internal: false,
      attachable: false,
      subnet: '',
      gateway: '',
      ipRange: '',
      enableIpv6: false,
      ipv6Subnet: '',
      ipv6Gateway: '',
      configFrom: '',
      auxAddresses: {},
    },
    subnet: '',
    gateway: '',
    blocks: [],
    pendingDelete: false,
    vni: 0,
    ipv6Subnet: '',
    ipv6Gateway: '',
  });
}

function open(entries: Uint8Array[] = []) {
  const state = new StoreState(logger);
  const log = new MemoryLog('n1', state, entries);
  return { state, log, entries, store: new Store(state, log, clock) };
}

function encode(...actions: StoreAction[]): Uint8Array {
  return StoreTransaction.encode({ actions }).finish();
}

describe('Store', () => {
  it('shows an update once it is committed, with version and times', async () => {
    const { store } = open();
    await store.update((tx) => tx.create('network', network('a', 'front')));
    expect(store.view((tx) => tx.get('network', 'a'))?.meta).toEqual({
      version: 1,
      createdAtMs: 1000,
      updatedAtMs: 1000,
      createdVersion: 1,
    });
  });

  it('finds by name, index and id prefix', async () => {
    const { store } = open();
    await store.update((tx) => {
      tx.create('network', network('abc', 'front', { 'com.docker.stack.namespace': 's' }));
      tx.create('network', network('abd', 'back'));
    });
    const ids = store.view((tx) => ({
      name: tx.find('network', { by: 'name', value: 'back' }).map((n) => n.id),
      stack: tx.find('network', { by: 'stack', value: 's' }).map((n) => n.id),
      prefix: tx.find('network', { by: 'idPrefix', value: 'ab' }).map((n) => n.id),
      all: tx.find('network', { by: 'all' }).length,
    }));
    expect(ids).toEqual({ name: ['abd'], stack: ['abc'], prefix: ['abc', 'abd'], all: 2 });
  });

  it('commits updates of one turn as one entry, each seeing those before it', async () => {
    const { store, entries } = open();
    const created = store.update((tx) => tx.create('network', network('a', 'front')));
    const seen = store.update((tx) => tx.find('network', { by: 'all' }).length);
    await created;
    expect(await seen).toBe(1);
    expect(entries).toHaveLength(1);
  });

  it('takes back all of an update that throws, and nothing of its neighbours', async () => {
    const { store } = open();
    const good = store.update((tx) => tx.create('network', network('a', 'front')));
    const bad = store.update((tx) => {
      tx.remove('network', 'a');
      tx.create('network', network('b', 'back'));
      throw new Error('changed my mind');
    });
    await expect(bad).rejects.toThrow('changed my mind');
    await good;
    expect(store.view((tx) => tx.find('network', { by: 'all' }).map((n) => n.id))).toEqual(['a']);
  });

  it('refuses a name that is taken', async () => {
    const { store } = open();
    await store.update((tx) => tx.create('network', network('a', 'front')));
    await expect(store.update((tx) => tx.create('network', network('b', 'front')))).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      message: 'network "front" already exists',
    });
  });

  it('lets a name go with pending_delete', async () => {
    const { store } = open();
    await store.update((tx) => tx.create('network', network('a', 'front')));
    await store.update((tx) => {
      const old = tx.get('network', 'a');
      if (old !== undefined) tx.update('network', { ...old, pendingDelete: true });
      tx.create('network', network('b', 'front'));
    });
    expect(store.view((tx) => tx.find('network', { by: 'name', value: 'front' }).map((n) => n.id))).toEqual(['b']);
  });

  it('merges several changes of one object in an entry into one action', async () => {
    const { store, entries } = open();
    await store.update((tx) => {
      const made = tx.create('network', network('a', 'front'));
      tx.update('network', { ...made, subnet: '10.0.0.0/24' });
      tx.create('network', network('b', 'back'));
      tx.remove('network', 'b');
    });
    expect(StoreTransaction.decode(entries[0] ?? new Uint8Array()).actions).toHaveLength(1);
    expect(store.view((tx) => tx.get('network', 'a')?.subnet)).toBe('10.0.0.0/24');
  });

  it('lets an object take the place of one of the same id', async () => {
    const { store } = open();
    await store.update((tx) => tx.create('network', network('a', 'front')));
    await store.update((tx) => {
      tx.remove('network', 'a');
      const made = tx.create('network', network('a', 'back'));
      tx.update('network', { ...made, subnet: '10.0.0.0/24' });
    });
    const [found] = store.view((tx) => tx.find('network', { by: 'name', value: 'back' }));
    expect(found).toMatchObject({ id: 'a', subnet: '10.0.0.0/24', meta: { version: 2, createdVersion: 2 } });
    await store.update((tx) => {
      tx.remove('network', 'a');
      tx.create('network', network('a', 'front'));
      tx.remove('network', 'a');
    });
    expect(store.view((tx) => tx.find('network', { by: 'all' }))).toEqual([]);
  });

  it('takes back what an update that throws did to changes of its neighbours', async () => {
    const { store } = open();
    const good = store.update((tx) => tx.create('network', network('a', 'front')));
    const bad = store.update((tx) => {
      const seen = tx.get('network', 'a');
      if (seen !== undefined) tx.update('network', { ...seen, subnet: 'bad' });
      tx.remove('network', 'a');
      throw new Error('changed my mind');
    });
    await expect(bad).rejects.toThrow('changed my mind');
    await good;
    expect(store.view((tx) => tx.get('network', 'a'))).toMatchObject({ subnet: '', spec: { driver: 'bridge' } });
  });

  it('begins another entry when one has grown large', async () => {
    const { store, entries } = open();
    const many = (from: number) =>
      store.update((tx) => {
        for (let id = from; id < from + 1000; id += 1) tx.create('network', network(`${id}`, `n${id}`));
      });
    await Promise.all([many(0), many(1000), many(2000)]);
    expect(entries).toHaveLength(3);
    expect(store.view((tx) => tx.find('network', { by: 'all' }))).toHaveLength(3000);
  });

  it('tries again when another leader was faster, and then sees its change', async () => {
    const { store, log } = open();
    await store.update((tx) => tx.create('network', network('a', 'front')));
    const pending = store.update((tx) => {
      const seen = tx.get('network', 'a');
      if (seen !== undefined) tx.update('network', { ...seen, gateway: `after ${seen.subnet}` });
    });
    const foreign = {
      ...network('a', 'front'),
      subnet: 'theirs',
      meta: { version: 1, createdAtMs: 0, updatedAtMs: 0, createdVersion: 1 },
    };
    // Between the proposal and its commit.
    await Promise.resolve();
    log.commitForeign(encode({ kind: StoreActionKind.UPDATE, target: toWire({ kind: 'network', object: foreign }) }));
    await pending;
    expect(store.view((tx) => tx.get('network', 'a'))).toMatchObject({ subnet: 'theirs', gateway: 'after theirs' });
  });

  it('rejects with UNAVAILABLE and changes nothing when this node does not lead', async () => {
    const { store, log } = open();
    log.lead(false);
    await expect(store.update((tx) => tx.create('network', network('a', 'x')))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    expect(store.view((tx) => tx.find('network', { by: 'all' }))).toEqual([]);
  });
});

describe('StoreState', () => {
  it('refuses a whole transaction when one version is stale, whatever its position', () => {
    const { state, log } = open();
    log.commitForeign(
      encode({ kind: StoreActionKind.CREATE, target: toWire({ kind: 'network', object: network('a', 'x') }) }),
    );
    const index = log.commitForeign(
      encode(
        { kind: StoreActionKind.CREATE, target: toWire({ kind: 'network', object: network('b', 'y') }) },
        { kind: StoreActionKind.UPDATE, target: toWire({ kind: 'network', object: network('a', 'x') }) },
      ),
    );
    expect(state.rejection(index)).toBe('network a is at version 1, not 0');
    expect(state.committed.get('network', 'b')).toBeUndefined();
  });

  it('refuses names that clash', () => {
    const { state, log } = open();
    const index = log.commitForeign(
      encode(
        { kind: StoreActionKind.CREATE, target: toWire({ kind: 'network', object: network('a', 'x') }) },
        { kind: StoreActionKind.CREATE, target: toWire({ kind: 'network', object: network('b', 'x') }) },
      ),
    );
    expect(state.rejection(index)).toContain('is taken');
    expect(state.committed.find('network', { by: 'all' })).toEqual([]);
  });

  it('does not throw for bytes that are no transaction', () => {
    const { state, log } = open();
    const index = log.commitForeign(Buffer.from('ffffffff', 'hex'));
    expect(state.rejection(index)).toContain('no transaction');
  });

  it('comes back from its entries and from its snapshot as it was', async () => {
    const { store, state, entries } = open();
    await store.update((tx) => {
      tx.create('network', network('b', 'back'));
      tx.create('network', network('a', 'front'));
    });
    await store.update((tx) => tx.remove('network', 'b'));
    const replayed = open(entries).state;
    const restored = new StoreState(logger);
    await restored.restore(2, await state.snapshot());
    expect(Buffer.from(await replayed.snapshot())).toEqual(Buffer.from(await state.snapshot()));
    expect(restored.committed.find('network', { by: 'all' })).toEqual(state.committed.find('network', { by: 'all' }));
  });

  it('refuses a snapshot of a format it does not know', async () => {
    const { state } = open();
    const data = StoreSnapshot.encode({ formatVersion: 99, objects: [] }).finish();
    await expect(state.restore(1, data)).rejects.toThrow('snapshot format 99');
  });

  it('keeps its state when a snapshot is damaged, or has what it does not know', async () => {
    const { store, state } = open();
    await store.update((tx) => tx.create('network', network('a', 'front')));
    const data = await state.snapshot();
    await expect(state.restore(2, data.subarray(0, -1))).rejects.toMatchObject({ code: 'CORRUPT' });
    const unknown = StoreSnapshot.encode({ formatVersion: 1, objects: [{ object: undefined }] }).finish();
    await expect(state.restore(2, unknown)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(state.restore(2, new Uint8Array())).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(store.view((tx) => tx.get('network', 'a'))).toBeDefined();
  });

  it('gives others their turn while a snapshot is made, and while one is read', async () => {
    const { store, state } = open();
    await store.update((tx) => {
      for (let id = 0; id < 5000; id += 1) tx.create('network', network(`${id}`, `n${id}`));
    });
    let turns = 0;
    const count = () => {
      turns += 1;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    const data = await state.snapshot();
    const whileMade = turns;
    const reading = state.restore(2, data);
    expect(store.view((tx) => tx.find('network', { by: 'all' }))).toHaveLength(5000);
    await reading;
    clearImmediate(counting);
    expect(whileMade).toBeGreaterThan(3);
    expect(turns - whileMade).toBeGreaterThan(3);
  });

  it('keeps objects from being changed', async () => {
    const { store } = open();
    await store.update((tx) => tx.create('network', network('a', 'front')));
    const stored = store.view((tx) => tx.get('network', 'a'));
    expect(() => stored?.spec.annotations && Object.assign(stored.spec.annotations, { name: 'x' })).toThrow(TypeError);
  });
});

describe('Watch', () => {
  it('tells committed changes in order, with what was before', async () => {
    const { store } = open();
    const watch = store.watch({ kinds: ['network'] });
    await store.update((tx) => tx.create('network', network('a', 'front')));
    await store.update((tx) => {
      const seen = tx.get('network', 'a');
      if (seen !== undefined) tx.update('network', { ...seen, subnet: 's' });
    });
    await store.update((tx) => tx.remove('network', 'a'));
    const events = watch.take();
    expect(events === 'lagged' ? events : events.map((e) => [e.change, e.previous?.id, e.object.meta.version])).toEqual(
      [
        ['create', undefined, 1],
        ['update', 'a', 2],
        ['remove', 'a', 2],
      ],
    );
  });

  it('says so when it could not keep up, or the state was replaced', async () => {
    const { store, state } = open();
    const watch = store.watch({ kinds: ['network'], capacity: 1 });
    await store.update((tx) => {
      tx.create('network', network('a', 'a'));
      tx.create('network', network('b', 'b'));
    });
    expect(watch.take()).toBe('lagged');
    expect(watch.take()).toEqual([]);
    await state.restore(1, await state.snapshot());
    expect(watch.take()).toBe('lagged');
  });

  it('wakes on a commit and on abort, and hears nothing once closed', async () => {
    const { store } = open();
    const watch = store.watch({ kinds: ['network'] });
    const waiting = watch.changed(new AbortController().signal);
    await store.update((tx) => tx.create('network', network('a', 'a')));
    await waiting;
    watch.take();
    const controller = new AbortController();
    const aborted = watch.changed(controller.signal);
    controller.abort();
    await aborted;
    watch.close();
    await store.update((tx) => tx.remove('network', 'a'));
    expect(watch.take()).toEqual([]);
  });
});
