import pino from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from './clock.ts';
import { type ControlLoop, runControlLoop } from './control-loop.ts';
import { NO_METRICS } from './metrics/manager-metrics.ts';
import { service } from './objects.testing.ts';
import { MemoryLog } from './store/memory-log.testing.ts';
import { StoreState } from './store/state.ts';
import { Store } from './store/store.ts';
import { Turns } from './turns.ts';

const logger = pino({ level: 'silent' });

function start(loop: Partial<ControlLoop>) {
  const state = new StoreState(logger);
  const log = new MemoryLog('n1', state);
  const store = new Store(state, log, systemClock);
  const whole: ControlLoop = {
    name: 'test',
    kinds: ['service'],
    allKeys: (read) => read.find('service', { by: 'all' }).map((object) => object.id),
    keysOf: (event) => [event.object.id],
    reconcile: () => undefined,
    ...loop,
  };
  const over = new AbortController();
  const run = () =>
    runControlLoop(whole, { store, logger, clock: systemClock, turns: new Turns(), metrics: NO_METRICS }, over.signal);
  return { store, log, run, stop: () => over.abort() };
}

describe('a loop', () => {
  it('looks at all there is, then at what changes', async () => {
    const seen: string[] = [];
    const { store, run, stop } = start({ reconcile: (_tx, key) => void seen.push(key) });
    await store.update((tx) => tx.create('service', service('a')));
    const running = run();
    await vi.waitFor(() => expect(seen).toEqual(['a']));
    await store.update((tx) => tx.create('service', service('b')));
    await vi.waitFor(() => expect(seen).toEqual(['a', 'b']));
    stop();
    await running;
  });

  it('looks again at the time that it asked for', async () => {
    const times: number[] = [];
    const reconcile: ControlLoop['reconcile'] = (_tx, _key, nowMs) => {
      times.push(nowMs);
      return times.length === 1 ? nowMs + 20 : undefined;
    };
    const { store, run, stop } = start({ reconcile });
    await store.update((tx) => tx.create('service', service('a')));
    const running = run();
    await vi.waitFor(() => expect(times).toHaveLength(2));
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(20);
    stop();
    await running;
  });

  it("isn't held up by one key that fails", async () => {
    const { store, run, stop } = start({
      reconcile: (tx, key) => {
        const found = tx.get('service', key);
        if (key === 'bad') throw new Error('a defect');
        if (found?.dependenciesMet === false) tx.update('service', { ...found, dependenciesMet: true });
        return undefined;
      },
    });
    await store.update((tx) => {
      for (const id of ['a', 'bad', 'b']) tx.create('service', service(id, { dependenciesMet: false }));
    });
    const running = run();
    await vi.waitFor(() => {
      const met = store.view((read) => read.find('service', { by: 'all' }).filter((object) => object.dependenciesMet));
      expect(met.map((object) => object.id)).toEqual(['a', 'b']);
    });
    stop();
    await running;
  });

  it('tries again what could not be committed', async () => {
    const { store, log, run, stop } = start({
      reconcile: (tx, key) => {
        const found = tx.get('service', key);
        if (found?.dependenciesMet === false) tx.update('service', { ...found, dependenciesMet: true });
        return undefined;
      },
    });
    await store.update((tx) => tx.create('service', service('a', { dependenciesMet: false })));
    log.lead(false);
    const running = run();
    await Promise.resolve();
    log.lead(true);
    await vi.waitFor(() => expect(store.view((read) => read.get('service', 'a'))?.dependenciesMet).toBe(true));
    stop();
    await running;
  });
});
