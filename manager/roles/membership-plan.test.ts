import { describe, expect, it } from 'vitest';
import type { Member } from '../replication/replicated-log.ts';
import { nextMembershipStep } from './membership-plan.ts';

const member = (id: string, voter = true): Member => ({ id, address: id, voter, reachable: true, leader: id === 'a' });
const THREE = [member('a'), member('b'), member('c')];

describe('nextMembershipStep', () => {
  it.each([
    ['nothing while all members are managers', THREE, ['a', 'b', 'c'], undefined],
    ['nothing for a manager that has not joined yet', THREE, ['a', 'b', 'c', 'd'], undefined],
    ['the removal of who is no manager any more', THREE, ['a', 'c'], { step: 'remove', nodeId: 'b' }],
    [
      'the removal of one that still learns',
      [...THREE, member('d', false)],
      ['a', 'b', 'c'],
      { step: 'remove', nodeId: 'd' },
    ],
    ['others before itself', THREE, ['c'], { step: 'remove', nodeId: 'b' }],
    ['that another takes over when it is to go itself', THREE, ['b', 'c'], { step: 'hand-over' }],
    ['nothing when nobody could take over', [member('a')], [], undefined],
    ['nothing when only learners could take over', [member('a'), member('b', false)], ['b'], undefined],
  ])('is %s', (_name, members, managers, step) => {
    expect(nextMembershipStep(members, new Set(managers), 'a')).toEqual(step);
  });
});
