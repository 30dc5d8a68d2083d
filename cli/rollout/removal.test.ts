import { describe, expect, it } from 'vitest';
import { ObjectKind } from '../../proto/generated/gantry/v1/control.ts';
import { Network, Service, Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { RemovalView, removalText } from './removal.ts';

const WEB = { kind: ObjectKind.SERVICE, id: 'w', name: 'shop_web' };
const DB = { kind: ObjectKind.SERVICE, id: 'd', name: 'shop_db' };
const NETWORK = { kind: ObjectKind.NETWORK, id: 'n', name: 'shop_default' };
const ALL = [WEB, DB, NETWORK];

/** Of web, which depends on db, with a task each. */
function view(web: TaskState | undefined, db: TaskState): RemovalView {
  const seen = new RemovalView();
  const put = (object: Parameters<RemovalView['apply']>[0]['object']) =>
    seen.apply({ object, removed: false, reset: false });
  const service = (id: string, needs: readonly string[]) =>
    Service.fromPartial({ id, spec: { dependencies: needs.map((one) => ({ service: one })) } });
  const task = (serviceId: string, desiredState: TaskState) =>
    Task.fromPartial({ id: `t${serviceId}`, serviceId, desiredState, status: { state: TaskState.RUNNING } });
  put({ $case: 'network', value: Network.fromPartial({ id: 'n' }) });
  put({ $case: 'service', value: service('d', []) });
  put({ $case: 'task', value: task('d', db) });
  if (web === undefined) return seen;
  put({ $case: 'service', value: service('w', ['shop_db']) });
  put({ $case: 'task', value: task('w', web) });
  return seen;
}

const texts = (seen: RemovalView) => ALL.map((one) => removalText(one, ALL, seen));

describe('what is removed', () => {
  it('ends before what it depends on', () => {
    expect(texts(view(TaskState.REMOVE, TaskState.RUNNING))).toEqual([
      'stopping 1 container',
      'waiting for shop_web',
      'waiting for services',
    ]);
    expect(texts(view(undefined, TaskState.REMOVE))).toEqual([
      'removed',
      'stopping 1 container',
      'waiting for services',
    ]);
  });

  it('is gone with its networks', () => {
    const seen = view(undefined, TaskState.REMOVE);
    const service = { $case: 'service', value: Service.fromPartial({ id: 'd' }) } as const;
    seen.apply({ object: service, removed: true, reset: false });
    expect(texts(seen)).toEqual(['removed', 'removed', 'removing']);
    seen.apply({ object: undefined, removed: false, reset: true });
    expect(texts(seen)).toEqual(['removed', 'removed', 'removed']);
  });
});
