import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import type { RaftClient, RaftJoinRequest, RaftJoinResponse } from '../../proto/generated/gantry/v1/raft.ts';
import type { Member, ReplicatedLog } from './replicated-log.ts';
import { stayMember } from './stay-member.ts';

const SELF = { id: 'x', address: 'x:1' };
const ANSWER: RaftJoinResponse = { members: [], leaderAddress: '', leftBehind: false };

function member(id: string, address = `${id}:1`): Member {
  return { id, address, voter: true, reachable: true, leader: false };
}

interface Scene {
  readonly members: readonly Member[];
  /** As seen with each look; the last one lasts. */
  readonly leaders: readonly (string | undefined)[];
  readonly answers?: Readonly<Record<string, RaftJoinResponse>>;
  readonly looks: number;
}

/** Runs for so many looks; whom it asked, and whom it added where it leads itself. */
async function play({ members, leaders, answers = {}, looks }: Scene): Promise<{ asked: string[]; added: string[] }> {
  const over = new AbortController();
  const asked: string[] = [];
  const added: string[] = [];
  let look = 0;
  const leadership = () => {
    const leaderId = leaders[Math.min(look, leaders.length - 1)];
    return { isLeader: leaderId === SELF.id, leaderId, term: 1 };
  };
  const log = {
    members: () => members,
    leadership,
    addMember: async (id: string, address: string) => void added.push(`${id} ${address}`),
  } as unknown as ReplicatedLog;
  const connect = (address: string) =>
    ({
      join: ({ incarnation }: RaftJoinRequest, done: (error: null, response: RaftJoinResponse) => void) => {
        asked.push(`${address} ${incarnation}`);
        queueMicrotask(() => done(null, answers[address] ?? ANSWER));
        return { cancel: () => undefined };
      },
      close: () => undefined,
    }) as unknown as RaftClient;
  const sleep = async () => {
    look += 1;
    if (look >= looks) over.abort();
  };
  await stayMember(
    log,
    {
      member: SELF,
      addresses: ['given:1'],
      connect,
      clock: { now: () => 0, sleep },
      logger: pino({ level: 'silent' }),
      incarnation: () => 4,
      leftBehind: () => new GantryError('NOT_IN_CLUSTER', 'left behind'),
    },
    over.signal,
  );
  return { asked, added };
}

const THREE = [member('a'), member('b'), member('x')];

describe('a manager', () => {
  it('asks nobody while it is a member and there is a leader', async () => {
    expect((await play({ members: THREE, leaders: ['a'], looks: 10 })).asked).toEqual([]);
  });

  it('waits for an election', async () => {
    const leaders = ['a', undefined, undefined, 'b'];
    expect((await play({ members: THREE, leaders, looks: 10 })).asked).toEqual([]);
  });

  it('asks the others, and first of all who leads, when it hears of no leader: it may have been let go', async () => {
    const answers = { 'a:1': { ...ANSWER, leaderAddress: 'c:1' }, 'c:1': { ...ANSWER, members: [SELF] } };
    const scene = { members: THREE, leaders: [undefined], answers };
    expect((await play({ ...scene, looks: 3 })).asked).toEqual(['a:1 4', 'c:1 4']);
    expect((await play({ ...scene, looks: 5 })).asked).toHaveLength(6);
  });

  it('asks those first that can be reached', async () => {
    const members = [{ ...member('a'), reachable: false }, member('b'), member('x')];
    expect((await play({ members, leaders: [undefined], looks: 3 })).asked).toEqual(['b:1 4', 'a:1 4']);
  });

  it('says where it has moved to, with the addresses that it was given when it knows no others', async () => {
    const members = [member('x', 'old:1')];
    expect((await play({ members, leaders: ['a'], looks: 1 })).asked).toEqual(['given:1 4']);
    expect((await play({ members, leaders: ['x'], looks: 1 })).added).toEqual(['x x:1']);
  });

  it('ends when the cluster was recovered without it', async () => {
    const answers = { 'a:1': { ...ANSWER, leftBehind: true } };
    await expect(play({ members: THREE, leaders: [undefined], answers, looks: 9 })).rejects.toThrow('left behind');
  });
});
