import { describe, expect, it } from 'vitest';
import { Cluster, Mount, MountType, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { node, service, type TaskOptions, task } from '../objects.testing.ts';
import { clusterType } from '../store/cluster.ts';
import { localVolumesOf } from '../store/local-volumes.ts';
import { STATE_FORMAT } from '../store/state-format.ts';
import { Tables } from '../store/tables.ts';
import type { TaskObject } from '../store/task.ts';
import { volumePinId } from '../store/volume-pin.ts';
import { homesOf } from './homes.ts';

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5'];

function tables(...services: readonly string[]): Tables {
  const made = new Tables();
  made.load('cluster', clusterType.complete(Cluster.fromPartial({ id: 'c', stateFormat: STATE_FORMAT })));
  for (const id of NODES) made.load('node', node(id));
  for (const id of services) made.load('service', service(id, { volumes: ['data'] }));
  return made;
}

function mounting(sources: readonly string[], options: TaskOptions = {}): TaskObject {
  const { id = 't', state = TaskState.PENDING, serviceName = 'db' } = options;
  const { spec } = service(serviceName, { volumes: sources });
  return task(id, { ...options, state, serviceId: serviceName, serviceName, spec: spec.task });
}

function pin(to: Tables, serviceName: string, slot: number, nodeId: string, source = 'data', volume = source): void {
  const meta = { version: 1, createdAtMs: 0, updatedAtMs: 0, createdVersion: 1 };
  const id = volumePinId(source, { serviceName, slot });
  to.load('volumePin', { id, meta, source, volume, serviceName, slot, nodeId });
}

describe('homesOf', () => {
  it('is anywhere without volumes, and as long as nobody has data', () => {
    const read = tables('db');
    expect(homesOf(read, mounting([]))).toBeUndefined();
    expect(homesOf(read, mounting(['data']))).toBeUndefined();
  });

  it('is where the data of the slot are', () => {
    const read = tables('db');
    pin(read, 'db', 1, 'n2');
    pin(read, 'db', 2, 'n3');
    expect(homesOf(read, mounting(['data']))).toEqual({ nodeIds: ['n2'], reason: 'volume data is on node n2' });
    expect(homesOf(read, mounting(['data'], { slot: 2 }))?.nodeIds).toEqual(['n3']);
    expect(homesOf(read, mounting(['data'], { slot: 3 }))).toBeUndefined();
    expect(homesOf(read, mounting(['data', 'other']))?.nodeIds).toEqual(['n2']);
  });

  it('is nowhere when the data are on different nodes', () => {
    const read = tables('db');
    pin(read, 'db', 1, 'n2');
    pin(read, 'db', 1, 'n3', 'log');
    expect(homesOf(read, mounting(['data', 'log']))).toEqual({
      nodeIds: [],
      reason: 'volume data is on node n2, volume log is on node n3',
    });
  });

  it('is where a volume is that several services mount, from the first task on', () => {
    const read = tables('db', 'backup');
    expect(homesOf(read, mounting(['data'], { slot: 2 }))).toBeUndefined();
    read.load('task', mounting(['data'], { id: 'first', state: TaskState.ASSIGNED, nodeId: 'n4' }));
    for (const serviceName of ['db', 'backup']) {
      expect(homesOf(read, mounting(['data'], { serviceName, slot: 2 }))?.nodeIds).toEqual(['n4']);
    }
    // It never had it.
    read.load('task', mounting(['data'], { id: 'first', state: TaskState.REJECTED, nodeId: 'n4' }));
    expect(homesOf(read, mounting(['data'], { slot: 2 }))).toBeUndefined();
  });

  it('is where a service has left data that was there before', () => {
    const read = tables('database');
    pin(read, 'db', 1, 'n2');
    expect(homesOf(read, mounting(['data'], { serviceName: 'database' }))?.nodeIds).toEqual(['n2']);
  });

  it('is one of the nodes of replicas that the volume is shared with', () => {
    const read = tables('cache', 'watch');
    for (const [index, nodeId] of NODES.entries()) pin(read, 'cache', index + 1, nodeId);
    expect(homesOf(read, mounting(['data'], { serviceName: 'watch' }))).toEqual({
      nodeIds: NODES,
      reason: 'volume data is on nodes n1, n2, n3 and 2 more',
    });
  });

  it('is anywhere for a global service, which is no reason for others either', () => {
    const read = tables('db');
    read.load('service', service('log', { volumes: ['data'], global: true }));
    read.load(
      'task',
      mounting(['data'], { id: 'l', serviceName: 'log', slot: 0, nodeId: 'n1', state: TaskState.RUNNING }),
    );
    pin(read, 'db', 1, 'n2');
    expect(homesOf(read, mounting(['data'], { serviceName: 'log', slot: 0, nodeId: 'n1' }))).toBeUndefined();
    expect(homesOf(read, mounting(['data'], { slot: 2 }))).toBeUndefined();
  });

  it('takes a template for the slot’s own, and tells the name it came to', () => {
    const read = tables('db', 'backup');
    const source = 'data-{{.Task.Slot}}';
    pin(read, 'db', 1, 'n2', source, 'data-1');
    expect(homesOf(read, mounting([source]))?.reason).toBe('volume data-1 is on node n2');
    expect(homesOf(read, mounting([source], { serviceName: 'backup' }))).toBeUndefined();
  });
});

describe('a source that was asked for when the service was deployed', () => {
  const bound = (serviceName: string) => {
    const { spec } = service(serviceName);
    const mount = Mount.create({ type: MountType.BIND, source: '/srv', target: '/srv' });
    const container = { ...spec.task.container, mounts: [mount] };
    return task('t', {
      state: TaskState.PENDING,
      serviceId: serviceName,
      serviceName,
      spec: { ...spec.task, container },
    });
  };

  it('is where it was found, as far as the nodes are there still, until a slot has its own', () => {
    const read = tables();
    const sources = { sources: [{ source: '/srv', nodeIds: ['n2', 'n3', 'gone'] }] };
    read.load('service', { ...service('db'), sources });
    expect(homesOf(read, bound('db'))).toEqual({ nodeIds: ['n2', 'n3'], reason: 'path /srv is on nodes n2, n3' });
    pin(read, 'db', 1, 'n3', '/srv');
    expect(homesOf(read, bound('db'))).toEqual({ nodeIds: ['n3'], reason: 'path /srv is on node n3' });
  });

  it('is anywhere when it was nowhere', () => {
    const read = tables();
    read.load('service', { ...service('db'), sources: { sources: [{ source: '/srv', nodeIds: ['gone'] }] } });
    expect(homesOf(read, bound('db'))).toBeUndefined();
  });
});

describe('localVolumesOf', () => {
  const mount = (fields: Partial<Mount>): Mount =>
    Mount.create({ type: MountType.VOLUME, source: 'data', target: '/data', ...fields });
  const driver = (driverOpts: Record<string, string>, name = 'local') => ({ driver: name, driverOpts, labels: {} });
  const found = (...mounts: Mount[]) => {
    const { spec } = mounting([]);
    return localVolumesOf({ ...spec, container: { ...spec.container, mounts } });
  };

  it('has named volumes, each once', () => {
    expect(found(mount({}), mount({ target: '/again' }), mount({ source: 'b', volume: driver({}) }))).toEqual([
      'data',
      'b',
    ]);
    expect(found(mount({ volume: driver({}, '') }))).toEqual(['data']);
  });

  it('has host paths', () => {
    const bind = (source: string, readOnly = false) => mount({ type: MountType.BIND, source, readOnly });
    expect(found(bind('/srv'), bind('/etc/shop'), bind('/usr', true), bind('/runs', true))).toEqual([
      '/srv',
      '/etc/shop',
      '/runs',
    ]);
  });

  it.each<[string, Partial<Mount>]>([
    ['an anonymous volume', { source: '' }],
    ['a socket of the host', { type: MountType.BIND, source: '/var/run/docker.sock' }],
    ['files that each host has', { type: MountType.BIND, source: '/etc/localtime', readOnly: true }],
    ['tmpfs', { type: MountType.TMPFS, source: '' }],
    ['an NFS share', { volume: driver({ type: 'nfs', o: 'addr=nas', device: ':/data' }) }],
    ['memory', { volume: driver({ type: 'tmpfs', device: 'tmpfs' }) }],
    ['another driver', { volume: driver({}, 'ceph') }],
  ])('has not %s', (_name, fields) => {
    expect(found(mount(fields))).toEqual([]);
  });
});
