import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { ObjectKind, type WatchEvent, WatchRequest } from '../../proto/generated/gantry/v1/control.ts';
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import type { Clock } from '../clock.ts';
import { service, task } from '../objects.testing.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import { StoreState } from '../store/state.ts';
import { Store } from '../store/store.ts';
import type { ApiContext } from './context.ts';
import { watch } from './watch.ts';

const logger = pino({ level: 'silent' });
const clock: Clock = { now: () => 1000, sleep: () => Promise.resolve() };
const over = new Set<AbortController>();

afterEach(() => {
  for (const controller of over) controller.abort();
  over.clear();
});

/** A manager that leads; another one on the same entries has the same log. */
function manager(entries: Uint8Array[] = [], historyLimits = { events: 1000, bytes: 1_000_000 }) {
  const state = new StoreState(logger, historyLimits);
  const log = new MemoryLog('n1', state, entries);
  const store = new Store(state, log, clock);
  const term = new AbortController();
  return { store, state, log, entries, term, context: { store, termOver: term.signal } as ApiContext };
}

type Manager = ReturnType<typeof manager>;

/** Events up to one that has what is waited for. */
async function read(
  { context }: Manager,
  request: Partial<WatchRequest>,
  until: (event: WatchEvent) => boolean,
): Promise<WatchEvent[]> {
  const controller = new AbortController();
  over.add(controller);
  const events: WatchEvent[] = [];
  for await (const event of watch(context, { ...WatchRequest.create(), ...request }, controller.signal)) {
    events.push(event);
    if (until(event)) break;
  }
  return events;
}

const isSynced = (event: WatchEvent) => event.synced;

/** "+a" for an object, "-a" for one that went, "reset", "synced@7". */
function shown({ object, removed, synced, reset, revision }: WatchEvent): string {
  if (reset) return 'reset';
  if (synced) return `synced@${revision}`;
  return `${removed ? '-' : '+'}${object?.value.id}${revision > 0 ? `@${revision}` : ''}`;
}

async function addServices({ store }: Manager, ...ids: string[]): Promise<void> {
  await store.update((tx) => {
    for (const id of ids) tx.create('service', service(id));
  });
}

describe('watch', () => {
  it('tells the present state and its revision', async () => {
    const one = manager();
    await addServices(one, 'a', 'b');
    await one.store.update((tx) => tx.remove('service', 'a'));
    expect((await read(one, {}, isSynced)).map(shown)).toEqual(['reset', '+b', 'synced@2']);
  });

  it('tells a revision with the last change of it, so that nothing is left out from there on', async () => {
    const one = manager();
    await addServices(one, 'a');
    const reading = read(one, { fromRevision: 1 }, (event) => event.removed);
    await addServices(one, 'b', 'c');
    await one.store.update((tx) => tx.remove('service', 'b'));
    expect((await reading).map(shown)).toEqual(['synced@1', '+b', '+c@2', '-b@3']);
  });

  it('goes on at another manager where it was at the first', async () => {
    const one = manager();
    await addServices(one, 'a');
    const first = await read(one, {}, isSynced);
    await addServices(one, 'b');
    await one.store.update((tx) => tx.remove('service', 'a'));
    const other = manager(one.entries);
    const then = await read(other, { fromRevision: first.at(-1)?.revision ?? 0 }, isSynced);
    expect(then.map(shown)).toEqual(['+b@2', '-a@3', 'synced@3']);
  });

  it('goes on at a manager that has begun from a snapshot, as far as that knows what came after', async () => {
    const one = manager();
    await addServices(one, 'a');
    const other = manager();
    await other.state.restore(1, await one.state.snapshot());
    other.entries.push(new Uint8Array());
    for (const data of one.entries.slice(1)) other.log.commitForeign(data);
    await addServices(other, 'b');
    expect((await read(other, { fromRevision: 1 }, isSynced)).map(shown)).toEqual(['+b@2', 'synced@2']);
  });

  it('begins anew when what was changed since is not known any more, or never happened', async () => {
    const one = manager([], { events: 1, bytes: 1000 });
    for (const id of ['a', 'b', 'c']) await addServices(one, id);
    expect((await read(one, { fromRevision: 2 }, isSynced)).map(shown)).toEqual(['+c@3', 'synced@3']);
    const everything = ['reset', '+a', '+b', '+c', 'synced@3'];
    expect((await read(one, { fromRevision: 1 }, isSynced)).map(shown)).toEqual(everything);
    expect((await read(one, { fromRevision: 99 }, isSynced)).map(shown)).toEqual(everything);
  });

  it('begins anew when the state is replaced meanwhile', async () => {
    const one = manager();
    await addServices(one, 'a');
    let synced = 0;
    const reading = read(one, {}, (event) => {
      if (event.synced) synced += 1;
      if (event.synced && synced === 1) void one.state.snapshot().then((data) => one.state.restore(1, data));
      return synced === 2;
    });
    expect((await reading).map(shown)).toEqual(['reset', '+a', 'synced@1', 'reset', '+a', 'synced@1']);
  });

  it('shows only what was asked for, before and after', async () => {
    const one = manager();
    const labels = { 'com.docker.stack.namespace': 'shop' };
    const add = (id: string, options: Parameters<typeof task>[1] = {}) =>
      one.store.update((tx) => tx.create('task', task(id, { state: TaskState.RUNNING, ...options })));
    await add('a', { serviceLabels: labels });
    await add('b');
    await addServices(one, 'c');
    const asked = { kinds: [ObjectKind.TASK], stack: 'shop' };
    expect((await read(one, asked, isSynced)).map(shown)).toEqual(['reset', '+a', 'synced@3']);
    expect((await read(one, { ...asked, fromRevision: 0 }, isSynced)).map(shown)).toEqual(['reset', '+a', 'synced@3']);
    await add('d', { serviceLabels: labels });
    expect((await read(one, { ...asked, fromRevision: 2 }, isSynced)).map(shown)).toEqual(['+d@4', 'synced@4']);
  });

  it('ends when the manager does not lead any more', async () => {
    const one = manager();
    const reading = read(one, {}, () => {
      one.term.abort();
      return false;
    });
    await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('refuses kinds that cannot be watched', async () => {
    await expect(read(manager(), { kinds: [ObjectKind.SECRET] }, isSynced)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});
