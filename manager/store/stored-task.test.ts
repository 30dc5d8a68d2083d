import { describe, expect, it } from 'vitest';
import { StoredTask } from '../../proto/generated/gantry/v1/store.ts';
import { Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { serviceSpec, task } from '../objects.testing.ts';
import { completeServiceSpec } from './service.ts';
import { SharedParts } from './shared-parts.ts';
import { fromStoredTask, toStoredTask } from './stored-task.ts';
import type { TaskObject } from './task.ts';

function made(id: string): TaskObject {
  return task(id, {
    spec: completeServiceSpec(serviceSpec('web', { networks: ['front'], secrets: ['key'] })).task,
    state: TaskState.RUNNING,
    pid: 7,
    ports: [{ protocol: 0, targetPort: 80, publishedPort: 8080, hostIp: '', mode: 0 }],
    serviceLabels: { b: '2', a: '1' },
    startAfterMs: 5,
    addresses: [{ networkId: 'front', address: '192.0.2.7' }],
  });
}

const decoded = (one: TaskObject, shared: SharedParts) =>
  fromStoredTask(StoredTask.decode(StoredTask.encode(toStoredTask(one)).finish()), shared);

describe('a stored task', () => {
  it('has every field that a task has, but for what only its node is told', () => {
    const { pullCredentials: _, ...kept } = Task.create();
    expect(new Set(Object.keys(StoredTask.create()))).toEqual(new Set(Object.keys(kept)));
  });

  it('is the same bytes as the task', () => {
    const { id, meta, spec, status, ...fields } = made('t1');
    const bytes = StoredTask.encode(toStoredTask({ id, meta, spec, status, ...fields })).finish();
    expect(Buffer.from(bytes)).toEqual(Buffer.from(Task.encode({ id, meta, spec, status, ...fields }).finish()));
  });

  it('comes back as it was', () => {
    expect(decoded(made('t1'), new SharedParts())).toEqual(made('t1'));
    expect(decoded(task('t2'), new SharedParts())).toEqual(task('t2'));
  });

  it('shares what equals that of others', () => {
    const shared = new SharedParts();
    const [one, other] = [decoded(made('t1'), shared), decoded(made('t2'), shared)];
    expect(other.spec).toBe(one.spec);
    expect(other.serviceLabels).toBe(one.serviceLabels);
    expect(() => Object.assign(one.spec.container, { image: 'x' })).toThrow(TypeError);
    expect(() => Object.assign(one.status, { pid: 8 })).toThrow(TypeError);
  });
});
