/** Changes of who takes part, on the leader: one step after the other, until the log's members are as they should be. */
import { GantryError } from '../../proto/errors.ts';
import type { ConfigChange, Configuration, Snapshot } from '../raft/message.ts';
import { additionOf, isMember, removalOf } from './membership.ts';
import type { PeerAddress } from './peers/transport.ts';

/** Changes come one at a time: an attempt that meets another's is made again. */
const MAX_ATTEMPTS = 10;

/** What the changes need of the log. */
export interface MemberLog {
  /** As applied here. */
  readonly configuration: Configuration;
  readonly peers: readonly PeerAddress[];
  /** What a new member would begin with; index 0: none was ever taken. */
  snapshot(): Pick<Snapshot, 'index' | 'configuration'> | undefined;
  /** Resolves when the entry that asks for a snapshot is applied. */
  checkpoint(): Promise<unknown>;
  /** Resolves when the change is applied. Rejects when this node doesn't lead, or another change has taken its place. */
  change(change: ConfigChange): Promise<unknown>;
}

/** As a learner, who votes once it has caught up. A member that is there only gets its new address. */
export async function addMember(log: MemberLog, id: string, address: string): Promise<void> {
  // A log that has never been compacted doesn't say who its first voter was: a new member learns that from a snapshot.
  if (log.snapshot()?.index === 0) await log.checkpoint();
  await changeUntil(log, () => {
    const member = isMember(log.configuration, id);
    if (member && log.peers.some((peer) => peer.id === id && peer.address === address)) return undefined;
    return additionOf({ id, address }, member);
  });
  // A snapshot that doesn't know the new member is none that it could begin with.
  const snapshot = log.snapshot();
  if (snapshot === undefined || !isMember(snapshot.configuration, id)) await log.checkpoint();
}

export async function removeMember(log: MemberLog, id: string): Promise<void> {
  await changeUntil(log, () => (isMember(log.configuration, id) ? removalOf(id) : undefined));
}

/** Makes the change that `next` asks for until it asks for none. */
async function changeUntil(log: MemberLog, next: () => ConfigChange | undefined): Promise<void> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const change = next();
    if (change === undefined) return;
    await log.change(change);
  }
  throw new GantryError('CONFLICT', 'the managers of the cluster are being changed by somebody else, too', {
    hint: 'try again in a few seconds',
  });
}
