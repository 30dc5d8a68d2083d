import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { StoreActionKind, StoreSnapshot, StoreTransaction } from '../../proto/generated/gantry/v1/store.ts';
import { Cluster } from '../../proto/generated/gantry/v1/types.ts';
import { clusterType } from './cluster.ts';
import { toWire } from './objects.ts';
import { StoreState } from './state.ts';
import { nextStateFormat, OLDEST_STATE_FORMAT, STATE_FORMAT } from './state-format.ts';

const logger = pino({ level: 'silent' });

/** The entry that puts a format in force. */
function clusterEntry(stateFormat: number, version = 0): Uint8Array {
  const cluster = clusterType.complete(Cluster.fromPartial({ id: 'c1', stateFormat, meta: { version } }));
  const target = toWire({ kind: 'cluster', object: cluster });
  return StoreTransaction.encode({ actions: [{ kind: StoreActionKind.CREATE, target }] }).finish();
}

const formatOf = async (state: StoreState) => StoreSnapshot.decode(await state.snapshot()).formatVersion;

describe('the format of the state', () => {
  it('is in its snapshots, whatever newer one this version could write', async () => {
    const state = new StoreState(logger);
    expect(await formatOf(state)).toBe(OLDEST_STATE_FORMAT);
    state.apply(1, clusterEntry(1));
    expect(await formatOf(state)).toBe(1);
    state.apply(2, clusterEntry(STATE_FORMAT, 1));
    expect(await formatOf(state)).toBe(STATE_FORMAT);
  });

  it('of a cluster that has none is the oldest', async () => {
    const state = new StoreState(logger);
    state.apply(1, clusterEntry(0));
    expect(state.committed.get('cluster', 'c1')?.stateFormat).toBe(OLDEST_STATE_FORMAT);
  });

  it('stops a manager that does not read it, at the entry that puts it in force', () => {
    const state = new StoreState(logger);
    state.apply(1, clusterEntry(1));
    expect(() => state.apply(2, clusterEntry(STATE_FORMAT + 1, 1))).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED',
        message: expect.stringContaining(`from entry 2 on the cluster's state has format ${STATE_FORMAT + 1}`),
        hint: expect.stringContaining('install the version'),
      }),
    );
  });

  it('stops a manager that is sent a snapshot that it does not read', async () => {
    const state = new StoreState(logger);
    const data = StoreSnapshot.encode({ formatVersion: STATE_FORMAT + 1, objects: [] }).finish();
    await expect((async () => state.restore(9, data))()).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});

describe('nextStateFormat', () => {
  it.each([
    ['all read a newer one', 1, [2, 2, 3], 2],
    ['one still does not', 1, [3, 1, 3], undefined],
    ['all have what is in force', 2, [2, 2], undefined],
    ['nobody is known', 1, [], undefined],
    ['one was downgraded: what is in force stays', 3, [3, 2], undefined],
  ])('when %s', (_name, inForce, readable, next) => {
    expect(nextStateFormat(inForce, readable)).toBe(next);
  });
});
