/**
 * How a manager stays a member of the log. It may have moved since it last ran; and it may have been let go and be wanted
 * again at once: nobody tells that to who is no member any more, it only hears of no leader. So it asks the others, who take
 * in whom they have already without changing anything. What it has of the log it keeps: to Raft it is one that was away.
 */
import type { GantryError } from '../../proto/errors.ts';
import { toGantryError } from '../../proto/errors.ts';
import { type AskingOptions, askAround, complainOnce, type JoinOptions } from './join.ts';
import type { ReplicatedLog } from './replicated-log.ts';

export interface StayOptions extends JoinOptions {
  /** Of the state that this manager has; 0: none yet. */
  readonly incarnation: () => number;
  /** What becomes of a manager that the cluster was recovered without. */
  readonly leftBehind: () => GantryError;
}

const LOOK_MS = 1000;
const RETRY_MS = 200;
/** An election takes one to two seconds. */
const PATIENCE_LOOKS = 3;

/** Until the signal aborts. Throws what `leftBehind` makes. */
export async function stayMember(log: ReplicatedLog, options: StayOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger } = options;
  const complain = complainOnce(logger);
  let looksWithoutLeader = 0;
  while (!signal.aborted) {
    looksWithoutLeader = log.leadership().leaderId === undefined ? looksWithoutLeader + 1 : 0;
    const isKnown = isMember(log, options.member);
    if (isKnown && looksWithoutLeader < PATIENCE_LOOKS) {
      await clock.sleep(LOOK_MS, signal);
      continue;
    }
    await announce(log, { ...options, complain }, signal);
    await clock.sleep(isKnown ? LOOK_MS : RETRY_MS, signal);
  }
}

async function announce(
  log: ReplicatedLog,
  options: StayOptions & Pick<AskingOptions, 'complain'>,
  signal: AbortSignal,
): Promise<void> {
  const { member, incarnation, leftBehind, complain } = options;
  if (log.leadership().isLeader) {
    await log.addMember(member.id, member.address).catch((error: unknown) => {
      complain(member.address, toGantryError(error).message);
    });
    return;
  }
  const addresses = otherAddresses(log, options);
  const answer = await askAround({ ...options, addresses, incarnation: incarnation() }, signal);
  if (answer.leftBehind) throw leftBehind();
}

/** At its present address. */
function isMember(log: ReplicatedLog, member: JoinOptions['member']): boolean {
  return log.members().some(({ id, address }) => id === member.id && address === member.address);
}

/** Those first that answer: for one whose host is off the kernel waits long. */
function otherAddresses(log: ReplicatedLog, { member, addresses }: JoinOptions): readonly string[] {
  const known = log.members().filter(({ id }) => id !== member.id);
  if (known.length === 0) return addresses;
  const likely = known.toSorted((one, other) => Number(other.reachable) - Number(one.reachable));
  return likely.map(({ address }) => address);
}
