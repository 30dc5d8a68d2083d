import { describe, expect, it } from 'vitest';
import { type Standing, takeIn } from './join.ts';
import type { ReplicatedLog } from './replicated-log.ts';

/** Of a manager a that leads, or of b that follows it. */
function logOf(isLeader: boolean) {
  const ids = ['a', 'b'];
  return {
    leadership: () => ({ isLeader, leaderId: 'a', term: 1 }),
    members: () => ids.map((id) => ({ id, address: `${id}:1`, voter: true, reachable: true, leader: id === 'a' })),
    addMember: async (id: string) => void ids.push(id),
  } as unknown as ReplicatedLog;
}

const ask = (isLeader: boolean, standing: Standing) =>
  takeIn(logOf(isLeader), { id: 'x', address: 'x:1' }, () => standing);

describe('a manager that asks to be taken in', () => {
  it('is, by the leader, if its node has the role', async () => {
    const { members, leftBehind } = await ask(true, 'manager');
    expect(members.map(({ id }) => id)).toEqual(['a', 'b', 'x']);
    expect(leftBehind).toBe(false);
    await expect(ask(true, 'no-manager')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  it('hears from others who leads, whatever they know of it', async () => {
    expect(await ask(false, 'no-manager')).toEqual({ members: [], leaderAddress: 'a:1', leftBehind: false });
  });

  it('is told to begin anew when the cluster was recovered without it', async () => {
    expect(await ask(true, 'left-behind')).toEqual({ members: [], leaderAddress: 'a:1', leftBehind: true });
  });
});
