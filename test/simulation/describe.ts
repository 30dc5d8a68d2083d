/** Readies and configurations on one line. */
import type { Configuration, Message } from '../../manager/raft/message.ts';
import type { Ready } from '../../manager/raft/raw-node.ts';
import { describeMessage as describeInFull } from '../../manager/raft/trace/describe.testing.ts';

export function describeMessage(message: Message): string {
  return describeInFull(message)
    .map((line) => line.trim())
    .join(' ');
}

export function describeReady({ softState, hardState, snapshot, entries, committedEntries, mustSync }: Ready): string {
  const [first, last] = [entries[0], entries.at(-1)];
  const [firstCommitted, lastCommitted] = [committedEntries[0], committedEntries.at(-1)];
  return [
    ...(softState === undefined ? [] : [`${softState.role}, leader ${softState.leader || 'none'}`]),
    ...(hardState === undefined
      ? []
      : [`term ${hardState.term} vote ${hardState.vote || 'none'} commit ${hardState.commit}`]),
    ...(snapshot === undefined ? [] : [`snapshot ${snapshot.term}/${snapshot.index}`]),
    ...(first === undefined ? [] : [`entries ${first.term}/${first.index} to ${last?.term}/${last?.index}`]),
    ...(firstCommitted === undefined ? [] : [`committed ${firstCommitted.index} to ${lastCommitted?.index}`]),
    ...(mustSync ? ['must sync'] : []),
  ].join('; ');
}

export function describeConfiguration(configuration: Configuration): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  return [
    `voters ${voters.join(' ')}`,
    ...(votersOutgoing.length === 0 ? [] : [`outgoing ${votersOutgoing.join(' ')}`]),
    ...(learners.length === 0 ? [] : [`learners ${learners.join(' ')}`]),
    ...(learnersNext.length === 0 ? [] : [`learners next ${learnersNext.join(' ')}`]),
    ...(autoLeave ? ['leaves by itself'] : []),
  ].join(', ');
}
