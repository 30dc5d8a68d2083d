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
  const { addresses, clock, logger } = options;
  let queue: readonly string[] = addresses;
  let complaint = '';
  while (!signal.aborted) {
    const [address = '', ...others] = queue;
    const answer = await ask(options, address, signal);
    if (answer.members.length > 0) return answer.members;
    if (answer.complaint !== complaint) logger.warn({ manager: address, reason: answer.complaint }, 'not taken in yet');
    complaint = answer.complaint;
    // The leader is asked next; else the others in turn, with those that were given again at the end.
    const next =
      answer.leaderAddress === '' || answer.leaderAddress === address ? others : [answer.leaderAddress, ...others];
    queue = next.length === 0 ? addresses : next;
    await clock.sleep(RETRY_MS, signal);
  }
  return undefined;
}

interface Answer extends RaftJoinResponse {
  readonly complaint: string;
}

async function ask({ member, connect }: JoinOptions, address: string, signal: AbortSignal): Promise<Answer> {
  const client = connect(address);
  try {
    const response = await unary<RaftJoinResponse>((done) => client.join({ member }, done), signal);
    return { ...response, complaint: 'it does not lead' };
  } catch (error) {
    return { members: [], leaderAddress: '', complaint: toGantryError(error).message };
  } finally {
    client.close();
  }
}

/**
 * The other end: what a manager answers. `mayJoin`: its node has the role, as far as the leader knows. PERMISSION_DENIED
 * when it hasn't.
 */
export async function takeIn(
  log: ReplicatedLog,
  { id, address }: RaftMember,
  mayJoin: boolean,
): Promise<RaftJoinResponse> {
  const leaderAddress = log.members().find(({ leader }) => leader)?.address ?? '';
  if (!log.leadership().isLeader) return { members: [], leaderAddress };
  if (!mayJoin) throw new GantryError('PERMISSION_DENIED', `node ${id} is not to be a manager`);
  await log.addMember(id, address);
  return { members: log.members().map((member) => ({ id: member.id, address: member.address })), leaderAddress };
}

/** Until the log has this manager at its present address: it may have moved since it last ran. */
export async function announceAddress(log: ReplicatedLog, options: JoinOptions, signal: AbortSignal): Promise<void> {
  const { member, clock, logger } = options;
  const isKnown = () => log.members().some(({ id, address }) => id === member.id && address === member.address);
  while (!signal.aborted && !isKnown()) {
    try {
      if (log.leadership().isLeader) await log.addMember(member.id, member.address);
      else await askToJoin({ ...options, addresses: otherAddresses(log, member, options.addresses) }, signal);
    } catch (error) {
      logger.info({ error: toGantryError(error).message }, 'address not announced yet; trying again');
    }
    await clock.sleep(RETRY_MS, signal);
  }
}

function otherAddresses(log: ReplicatedLog, member: RaftMember, given: readonly string[]): readonly string[] {
  const known = log.members().filter(({ id }) => id !== member.id);
  return known.length === 0 ? given : known.map(({ address }) => address);
}
