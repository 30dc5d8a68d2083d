import fc from 'fast-check';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { type StoreAction, StoreActionKind, StoreTransaction } from '../../proto/generated/gantry/v1/store.ts';
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { node, service, serviceSpec, task } from '../objects.testing.ts';
import { configType } from './config.ts';
import { type AnyObject, toWire } from './objects.ts';
import { completeServiceSpec } from './service.ts';
import { StoreState } from './state.ts';

const logger = pino({ level: 'silent' });

type Labels = Record<string, string>;

/** One change of an object that may or may not exist, by somebody whose view may be old. */
interface Step {
  readonly action: StoreActionKind;
  readonly kind: 'node' | 'service' | 'task' | 'config';
  readonly id: string;
  readonly name: string;
  readonly labels: Labels;
  readonly number: number;
  readonly stale: boolean;
}

const labels = fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 4 }), fc.string({ maxLength: 6 }), {
  maxKeys: 6,
  noNullPrototype: true,
});
const step: fc.Arbitrary<Step> = fc.record({
  action: fc.constantFrom(StoreActionKind.CREATE, StoreActionKind.UPDATE, StoreActionKind.REMOVE),
  kind: fc.constantFrom('node', 'service', 'task', 'config'),
  id: fc.constantFrom('a', 'ab', 'b', 'c', '1', '10', '2'),
  name: fc.constantFrom('web', 'db', ''),
  labels,
  number: fc.nat({ max: 5_000_000_000 }),
  // Most know what they do.
  stale: fc.nat({ max: 9 }).map((number) => number === 0),
});
const transactions = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 40 });

function objectOf({ kind, id, name, labels: map, number }: Step): AnyObject {
  switch (kind) {
    case 'node': {
      const made = node(id, { stateSinceMs: number });
      return { kind, object: { ...made, description: { ...made.description, engineLabels: map } } };
    }
    case 'service':
      return { kind, object: service(id, { spec: specOf(name, map), specVersion: number }) };
    case 'task': {
      const made = task(id, { serviceId: name, serviceLabels: map, spec: specOf(name, map).task });
      return { kind, object: { ...made, status: { ...made.status, timestampMs: number, state: TaskState.FAILED } } };
    }
    case 'config': {
      const spec = { annotations: { name, labels: map }, data: Buffer.from(name), templateDriver: 'golang' };
      return { kind, object: configType.complete({ id, meta: undefined, spec, pendingDelete: number % 2 === 0 }) };
    }
  }
}

function specOf(name: string, map: Labels) {
  const spec = completeServiceSpec(serviceSpec(name, { networks: [name] }));
  const container = { ...spec.task.container, labels: map, sysctls: map };
  return { ...spec, annotations: { name, labels: map }, task: { ...spec.task, container } };
}

/** What an author proposes who has seen this state, or an older one. */
function entryFrom(state: StoreState, steps: readonly Step[], labelsOf = (map: Labels) => map): Uint8Array {
  const actions = steps.map((one): StoreAction => {
    const { kind, object } = objectOf({ ...one, labels: labelsOf(one.labels) });
    const version = (state.committed.get(kind, object.id)?.meta.version ?? 0) + (one.stale ? 1 : 0);
    const meta = { version, createdAtMs: one.number, updatedAtMs: one.number, createdVersion: 0 };
    return { kind: one.action, target: toWire({ kind, object: { ...object, meta } } as AnyObject) };
  });
  return StoreTransaction.encode({ actions }).finish();
}

function replay(state: StoreState, entries: readonly Uint8Array[], first = 1): StoreState {
  for (const [position, data] of entries.entries()) state.apply(first + position, data);
  return state;
}

/** The log that results when these transactions are proposed one after another. */
function logOf(all: readonly (readonly Step[])[]): Uint8Array[] {
  const state = new StoreState(logger);
  return all.map((steps, position) => {
    const data = entryFrom(state, steps);
    state.apply(position + 1, data);
    return data;
  });
}

const bytesOf = async (state: StoreState) => Buffer.from(await state.snapshot());

describe('the same log', () => {
  it('gives the same bytes, also on a manager that began from a snapshot in its midst', async () => {
    await fc.assert(
      fc.asyncProperty(transactions, fc.nat(), async (all, number) => {
        const entries = logOf(all);
        const cut = number % (entries.length + 1);
        const whole = replay(new StoreState(logger), entries);
        const before = replay(new StoreState(logger), entries.slice(0, cut));
        const later = new StoreState(logger);
        await later.restore(cut, await before.snapshot());
        replay(later, entries.slice(cut), cut + 1);
        expect(await bytesOf(later)).toEqual(await bytesOf(whole));
        const refused = (state: StoreState) => entries.map((_, at) => at >= cut && state.rejection(at + 1));
        expect(refused(later)).toEqual(refused(whole));
      }),
    );
  });

  it('gives a snapshot of the moment at which it was asked for', async () => {
    await fc.assert(
      fc.asyncProperty(transactions, fc.nat(), async (all, number) => {
        const entries = logOf(all);
        const cut = number % (entries.length + 1);
        const state = replay(new StoreState(logger), entries.slice(0, cut));
        const asked = state.snapshot();
        replay(state, entries.slice(cut), cut + 1);
        const then = replay(new StoreState(logger), entries.slice(0, cut));
        expect(Buffer.from(await asked)).toEqual(await bytesOf(then));
      }),
    );
  });

  it('gives the same bytes in whatever order the keys of maps come', async () => {
    const backwards = (map: Labels) => Object.fromEntries(Object.entries(map).reverse());
    await fc.assert(
      fc.asyncProperty(transactions, async (all) => {
        const [one, other] = [new StoreState(logger), new StoreState(logger)];
        for (const [position, steps] of all.entries()) {
          one.apply(position + 1, entryFrom(one, steps));
          other.apply(position + 1, entryFrom(other, steps, backwards));
        }
        expect(await bytesOf(other)).toEqual(await bytesOf(one));
      }),
    );
  });
});

describe('a snapshot', () => {
  it('becomes a state that equals the one it was taken of, objects and indexes', async () => {
    await fc.assert(
      fc.asyncProperty(transactions, async (all) => {
        const state = replay(new StoreState(logger), logOf(all));
        const restored = new StoreState(logger);
        await restored.restore(all.length, await state.snapshot());
        expect(contentOf(restored)).toEqual(contentOf(state));
      }),
    );
  });

  function contentOf({ committed }: StoreState): unknown {
    const byId = <T extends { readonly id: string }>(objects: T[]) => objects.sort((a, b) => (a.id < b.id ? -1 : 1));
    return [
      byId(committed.find('node', { by: 'all' })),
      byId(committed.find('config', { by: 'name', value: 'web' })),
      byId(committed.find('service', { by: 'uses', value: 'db' })),
      byId(committed.find('task', { by: 'service', value: 'web' })),
      byId(committed.find('task', { by: 'node', value: 'n1' })),
      byId(committed.find('task', { by: 'idPrefix', value: '1' })),
    ];
  }
});
