/** How a manager becomes a member of the log: it asks those that it knows until the leader has taken it in. */
import type { Logger } from 'pino';
import { unary } from '../../proto/client.ts';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { RaftClient, RaftJoinResponse, RaftMember } from '../../proto/generated/gantry/v1/raft.ts';
import type { Clock } from '../clock.ts';
import type { ReplicatedLog } from './replicated-log.ts';

export interface JoinOptions {
  readonly member: RaftMember;
  /** IP:PORT of managers; any that answers will do. */
  readonly addresses: readonly string[];
  readonly connect: (address: string) => RaftClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

const RETRY_MS = 200;

/** All members, this one among them; undefined when the signal has aborted first. Idempotent. */
export async function askToJoin(options: JoinOptions, signal: AbortSignal): Promise<readonly RaftMember[] | undefined> {
  const complain = complainOnce(options.logger);
  while (!signal.aborted) {
    const { members } = await askAround({ ...options, incarnation: 0, complain }, signal);
    if (members.length > 0) return members;
    await options.clock.sleep(RETRY_MS, signal);
  }
  return undefined;
}

export interface AskingOptions extends Pick<JoinOptions, 'member' | 'addresses' | 'connect'> {
  /** Of the state that this manager has; 0: none yet. */
  readonly incarnation: number;
  readonly complain: (manager: string, reason: string) => void;
}

/** Asks each manager once, and whoever leads as soon as one says who that is. Without members: nobody has taken it in. */
export async function askAround(options: AskingOptions, signal: AbortSignal): Promise<RaftJoinResponse> {
  const asked = new Set<string>();
  let queue = options.addresses;
  while (queue.length > 0 && !signal.aborted) {
    const [address = '', ...others] = queue;
    asked.add(address);
    const answer = await ask(options, address, signal);
    if (answer.members.length > 0 || answer.leftBehind) return answer;
    queue = [answer.leaderAddress, ...others].filter((next) => next !== '' && !asked.has(next));
  }
  return NO_ANSWER;
}

const NO_ANSWER: RaftJoinResponse = { members: [], leaderAddress: '', leftBehind: false };

async function ask(
  { member, incarnation, connect, complain }: AskingOptions,
  address: string,
  signal: AbortSignal,
): Promise<RaftJoinResponse> {
  const client = connect(address);
  try {
    const response = await unary<RaftJoinResponse>((done) => client.join({ member, incarnation }, done), signal);
    if (response.members.length === 0 && response.leaderAddress === '') complain(address, 'it knows no leader');
    return response;
  } catch (error) {
    complain(address, toGantryError(error).message);
    return NO_ANSWER;
  } finally {
    client.close();
  }
}

/** Whoever asks time and again says each reason once. */
export function complainOnce(logger: Logger): AskingOptions['complain'] {
  const said = new Set<string>();
  return (manager, reason) => {
    if (said.has(`${manager} ${reason}`)) return;
    said.add(`${manager} ${reason}`);
    logger.warn({ manager, reason }, 'not taken in yet');
  };
}

/**
 * What the leader knows of a manager that asks: whether its node has the role, and whether the cluster was recovered
 * without it, so that what it has of the log is none of this cluster's any more.
 */
export type Standing = 'manager' | 'no-manager' | 'left-behind';

/** The other end: what a manager answers. PERMISSION_DENIED when its node hasn't the role. */
export async function takeIn(
  log: ReplicatedLog,
  { id, address }: RaftMember,
  standing: () => Standing,
): Promise<RaftJoinResponse> {
  const leaderAddress = log.members().find(({ leader }) => leader)?.address ?? '';
  if (!log.leadership().isLeader) return { ...NO_ANSWER, leaderAddress };
  switch (standing()) {
    case 'no-manager':
      throw new GantryError('PERMISSION_DENIED', `node ${id} is not to be a manager`);
    case 'left-behind':
      return { ...NO_ANSWER, leaderAddress, leftBehind: true };
    case 'manager':
      await log.addMember(id, address);
      return {
        ...NO_ANSWER,
        members: log.members().map((member) => ({ id: member.id, address: member.address })),
        leaderAddress,
      };
  }
}
