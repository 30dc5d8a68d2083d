import { describe, expect, it } from 'vitest';
import { Assignments, AttachedContainer, EndpointChanges } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { ServiceEndpoints } from '../../proto/generated/gantry/v1/types.ts';
import { type AssignmentSet, allAttached, mergeAssignments, NO_ASSIGNMENTS } from './assignment-set.ts';

const ALL = Assignments.fromPartial({
  version: 1,
  complete: true,
  changes: [
    { item: { $case: 'task', value: { id: 't1' } } },
    { item: { $case: 'secret', value: { id: 's1' } } },
    { item: { $case: 'config', value: { id: 'c1' } } },
    { item: { $case: 'network', value: { network: { id: 'n1' }, blocks: ['10.0.0.0/26'] } } },
    { item: { $case: 'endpoints', value: { serviceId: 'v1' } } },
  ],
});

function ids(set: AssignmentSet): string[] {
  return [set.tasks, set.secrets, set.configs, set.networks, set.endpoints].flatMap((items) => [...items.keys()]);
}

describe('mergeAssignments', () => {
  it('takes every kind of item in', () => {
    expect(ids(mergeAssignments(NO_ASSIGNMENTS, ALL))).toEqual(['t1', 's1', 'c1', 'n1', 'v1']);
  });

  it('keeps what an incremental message does not name, and leaves the old set as it was', () => {
    const before = mergeAssignments(NO_ASSIGNMENTS, ALL);
    const change = Assignments.fromPartial({ changes: [{ item: { $case: 'task', value: { id: 't2' } } }] });
    expect(ids(mergeAssignments(before, change))).toEqual(['t1', 't2', 's1', 'c1', 'n1', 'v1']);
    expect(ids(before)).toEqual(['t1', 's1', 'c1', 'n1', 'v1']);
  });

  it('removes by id alone', () => {
    const gone = Assignments.fromPartial({ changes: ALL.changes.map((change) => ({ ...change, removed: true })) });
    expect(ids(mergeAssignments(mergeAssignments(NO_ASSIGNMENTS, ALL), gone))).toEqual([]);
  });

  it('keeps names of containers over a new beginning until all nodes have been heard', () => {
    const put = (containerId: string, name: string) => {
      const value = AttachedContainer.fromPartial({ networkId: 'n1', nodeId: 'x', containerId, names: [name] });
      return { item: { $case: 'attached' as const, value } };
    };
    const message = (complete: boolean, ...changes: ReturnType<typeof put>[]) =>
      Assignments.fromPartial({ complete, changes });
    const names = (set: AssignmentSet) => [...allAttached(set).values()].flatMap((container) => container.names);
    const merge = (set: AssignmentSet, next: Assignments) => mergeAssignments(set, next);
    const before = merge(NO_ASSIGNMENTS, message(true, put('c1', 'db'), put('c2', 'web'), put('c3', 'cache')));
    const anew = merge(before, message(true));
    expect(names(anew)).toEqual(['db', 'web', 'cache']);
    const [gone, known] = [
      { ...put('c3', ''), removed: true },
      { item: { $case: 'attachedKnown' as const, value: { networkId: 'n1' } } },
    ];
    const told = merge(merge(anew, message(false, put('c2', 'shop'))), Assignments.fromPartial({ changes: [gone] }));
    expect(names(told)).toEqual(['db', 'shop']);
    const elsewhere = { item: { $case: 'attachedKnown' as const, value: { networkId: 'n2' } } };
    expect(names(merge(told, Assignments.fromPartial({ changes: [elsewhere] })))).toEqual(['db', 'shop']);
    expect(names(merge(told, Assignments.fromPartial({ changes: [known] })))).toEqual(['shop']);
    expect(names(before)).toEqual(['db', 'web', 'cache']);
  });

  it('changes single endpoints of a service', () => {
    const endpoint = (taskId: string, slot: number, nodeId = 'n1') => ({ taskId, slot, nodeId });
    const message = (item: NonNullable<Assignments['changes'][number]['item']>) =>
      Assignments.fromPartial({ changes: [{ item }] });
    const all = ServiceEndpoints.fromPartial({
      serviceId: 'v1',
      serviceName: 'web',
      endpoints: [endpoint('a', 1), endpoint('b', 2), endpoint('c', 3)],
    });
    const changes = EndpointChanges.fromPartial({
      serviceId: 'v1',
      changed: [endpoint('d', 1), endpoint('c', 3, 'n2')],
      removedTaskIds: ['a'],
    });
    const before = mergeAssignments(NO_ASSIGNMENTS, message({ $case: 'endpoints', value: all }));
    const after = mergeAssignments(before, message({ $case: 'endpointChanges', value: changes }));
    expect(after.endpoints.get('v1')).toMatchObject({
      serviceName: 'web',
      endpoints: [endpoint('d', 1), endpoint('b', 2), endpoint('c', 3, 'n2')],
    });
    expect(before.endpoints.get('v1')).toEqual(all);
  });

  it('drops what a complete message does not name', () => {
    const other = Assignments.fromPartial({
      complete: true,
      changes: [{ item: { $case: 'task', value: { id: 't9' } } }],
    });
    expect(ids(mergeAssignments(mergeAssignments(NO_ASSIGNMENTS, ALL), other))).toEqual(['t9']);
  });
});
