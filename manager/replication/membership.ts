/** Who takes part in the log, where they are, and whether they may go. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { RaftMember } from '../../proto/generated/gantry/v1/raft.ts';
import type { ConfigChange, Configuration, PeerId } from '../raft/message.ts';
import type { PeerAddress } from './peers/transport.ts';
import type { Member } from './replicated-log.ts';

/** The change that lets a member learn; once it has caught up, `promotion` lets it vote. */
export function additionOf(peer: PeerAddress, isMember: boolean): ConfigChange {
  const type = isMember ? 'update' : 'add-learner';
  return { transition: 'auto', changes: [{ type, node: peer.id }], context: RaftMember.encode(peer).finish() };
}

export function promotionOf(id: PeerId): ConfigChange {
  return { transition: 'auto', changes: [{ type: 'add-voter', node: id }], context: new Uint8Array() };
}

export function removalOf(id: PeerId): ConfigChange {
  return { transition: 'auto', changes: [{ type: 'remove', node: id }], context: new Uint8Array() };
}

/** The addresses after a change that has been applied, with the configuration that it led to. */
export function peersAfter(
  peers: readonly PeerAddress[],
  change: ConfigChange,
  configuration: Configuration,
): readonly PeerAddress[] {
  const added = change.context.byteLength === 0 ? [] : [RaftMember.decode(change.context)];
  const all = [...peers.filter(({ id }) => added.every((peer) => peer.id !== id)), ...added];
  return all.filter(({ id }) => isMember(configuration, id)).sort((one, other) => (one.id < other.id ? -1 : 1));
}

export function isMember(configuration: Configuration, id: PeerId): boolean {
  return (
    isVoter(configuration, id) || [configuration.learners, configuration.learnersNext].some((ids) => ids.includes(id))
  );
}

export function isVoter({ voters, votersOutgoing }: Configuration, id: PeerId): boolean {
  return voters.includes(id) || votersOutgoing.includes(id);
}

/** A learner this close to the log's end is as good as a voter. */
const CAUGHT_UP_ENTRIES = 100;

export interface LearnerProgress {
  readonly id: PeerId;
  readonly match: number;
  readonly recentlyActive: boolean;
}

/** The learner that has caught up and may vote now; one at a time. */
export function learnerToPromote(learners: readonly LearnerProgress[], lastIndex: number): PeerId | undefined {
  return learners.find(
    ({ match, recentlyActive }) => recentlyActive && match > 0 && match + CAUGHT_UP_ENTRIES >= lastIndex,
  )?.id;
}

/** Why the log can't do without this member; undefined when it can. */
export function removalProblem(members: readonly Member[], id: PeerId): GantryError | undefined {
  const leaving = members.find((member) => member.id === id);
  if (leaving === undefined || !leaving.voter) return undefined;
  const remaining = members.filter((member) => member.voter && member.id !== id);
  if (remaining.length === 0) {
    return new GantryError('WRONG_STATE', `node ${id} is the cluster's only manager`, {
      hint: 'promote another node first',
    });
  }
  const needed = Math.floor(remaining.length / 2) + 1;
  const unreachable = remaining.filter(({ reachable }) => !reachable);
  if (remaining.length - unreachable.length >= needed) return undefined;
  return new GantryError(
    'WRONG_STATE',
    `without node ${id} the cluster could not decide any more: of the ${remaining.length} managers left ${needed} are needed, and ${unreachable.map((member) => member.id).join(', ')} can't be reached`,
    { hint: 'bring those back first, or remove one of them instead; --force does it all the same' },
  );
}
