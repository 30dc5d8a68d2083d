import { describe, expect, it } from 'vitest';
import { Assignments, EndpointChanges } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { ServiceEndpoints } from '../../proto/generated/gantry/v1/types.ts';
import { type AssignmentSet, mergeAssignments, NO_ASSIGNMENTS } from './assignment-set.ts';

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
