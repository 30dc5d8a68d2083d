import { describe, expect, it } from 'vitest';
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { service, type TaskOptions, task } from '../objects.testing.ts';
import { completeServiceSpec, completeTaskSpec } from '../store/service.ts';
import { chooseNetworkPeer, hasLostNetwork } from './shared-network.ts';

const { PENDING, ASSIGNED, STARTING, RUNNING, COMPLETE, FAILED, SHUTDOWN, ORPHANED, REMOVE } = TaskState;

function joining(options: TaskOptions = {}, networkOf = 'db') {
  const made = task('j', { state: PENDING, ...options });
  return { ...made, spec: completeTaskSpec({ ...made.spec, container: { ...made.spec.container, networkOf } }) };
}

const db = (id: string, options: TaskOptions = {}) =>
  task(id, { serviceId: 'db', serviceName: 'db', nodeId: 'n1', ...options });

function choose(
  tasks: ReturnType<typeof db>[],
  wanted = joining(),
  host: ReturnType<typeof service> | undefined = service('db'),
) {
  const peer = chooseNetworkPeer(wanted, host, tasks);
  return peer.kind === 'task' ? peer.task.id : peer.kind === 'own' ? 'own' : peer.reason;
}

describe('whose network a task shares', () => {
  it('is its own, unless its service says otherwise', () => {
    expect(choose([db('a')], joining({}, ''))).toBe('own');
  });

  it.each([
    [undefined, 'waiting for service db, which does not exist, for its network'],
    [service('db', { stopped: true }), 'waiting for service db, which is stopped, for its network'],
    [service('db'), 'waiting for task db.1, which there is not, for its network'],
  ])('is not known yet', (host, reason) => {
    const peer = chooseNetworkPeer(joining(), host, []);
    expect(peer).toEqual({ kind: 'awaited', reason });
  });

  it.each([PENDING, ASSIGNED, STARTING, RUNNING, COMPLETE, FAILED, SHUTDOWN, ORPHANED])(
    'is that of a task in state %s only while that has a node and has not ended',
    (state) => {
      const found = choose([db('a', { state })]);
      if (state === PENDING) expect(found).toBe('waiting for task db.1 to get a node, for its network');
      else if (state <= RUNNING) expect(found).toBe('a');
      else expect(found).toBe('waiting for task db.1, which there is not, for its network');
    },
  );

  it('is waited for like it where it is the namespaces that are shared', () => {
    const { spec, ...rest } = joining({}, '');
    const beside = { ...rest, spec: { ...spec, container: { ...spec.container, pidMode: 'service:db' } } };
    expect(choose([db('a')], beside)).toBe('a');
    expect(choose([], beside)).toBe('waiting for task db.1, which there is not, for its namespaces');
  });

  it('is that of the same slot', () => {
    const tasks = [db('a', { slot: 1 }), db('b', { slot: 2 })];
    expect(choose(tasks, joining({ slot: 2 }))).toBe('b');
    expect(choose(tasks, joining({ slot: 3 }))).toBe('waiting for task db.3, which there is not, for its network');
  });

  it('is that of the same node, of a global service', () => {
    const tasks = [db('a', { slot: 0, nodeId: 'n1' }), db('b', { slot: 0, nodeId: 'n2' })];
    expect(choose(tasks, joining({ slot: 0, nodeId: 'n2' }))).toBe('b');
  });

  it('is that of the newest task that is wanted', () => {
    const [old, young] = [db('z', { createdAtMs: 1 }), db('a', { createdAtMs: 2, state: STARTING })];
    expect(choose([old, young])).toBe('a');
    expect(choose([young, old])).toBe('a');
    expect(choose([old, { ...young, desiredState: SHUTDOWN }])).toBe('z');
    const made = db('m', { state: PENDING });
    const inThisTransaction = { ...made, meta: { ...made.meta, createdVersion: 0 } };
    expect(choose([old, young, inThisTransaction])).toBe('waiting for task db.1 to get a node, for its network');
  });
});

describe('a shared network', () => {
  const sharing = (state: TaskState) => ({ ...joining({ state }), networkTaskId: 'a' });

  it('is lost when its task has ended, is to end, or is gone', () => {
    for (const state of [ASSIGNED, STARTING, RUNNING, FAILED]) {
      expect(hasLostNetwork(sharing(state), undefined)).toBe(true);
      for (const desiredState of [RUNNING, SHUTDOWN, REMOVE]) {
        for (const other of [ASSIGNED, STARTING, RUNNING, COMPLETE, FAILED, SHUTDOWN, ORPHANED]) {
          const lost = desiredState !== RUNNING || other > RUNNING;
          expect(hasLostNetwork(sharing(state), { ...db('a', { state: other }), desiredState })).toBe(lost);
        }
      }
    }
  });

  it('matters no more to what is complete, and never to what has its own', () => {
    expect(hasLostNetwork(sharing(COMPLETE), undefined)).toBe(false);
    expect(hasLostNetwork(joining({ state: RUNNING }), undefined)).toBe(false);
    expect(completeServiceSpec(service('db').spec).task.container.networkOf).toBe('');
  });
});
