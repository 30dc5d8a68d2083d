/** States and messages in the words of etcd's interaction traces. */
import type { Entry, HardState, Message, Role, Snapshot } from '../message.ts';
import type { Ready } from '../raw-node.ts';
import type { PeerStatus } from '../status.ts';

const MESSAGE_NAMES: Record<Message['type'], string> = {
  append: 'MsgApp',
  'append-accepted': 'MsgAppResp',
  'append-rejected': 'MsgAppResp',
  'vote-request': 'MsgVote',
  'pre-vote-request': 'MsgPreVote',
  'vote-response': 'MsgVoteResp',
  'pre-vote-response': 'MsgPreVoteResp',
  heartbeat: 'MsgHeartbeat',
  'heartbeat-response': 'MsgHeartbeatResp',
  'install-snapshot': 'MsgSnap',
  propose: 'MsgProp',
  'read-index': 'MsgReadIndex',
  'read-index-response': 'MsgReadIndexResp',
  'timeout-now': 'MsgTimeoutNow',
  'transfer-leadership': 'MsgTransferLeader',
};
const ROLE_NAMES: Record<Role, string> = {
  follower: 'StateFollower',
  'pre-candidate': 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
};
const PROGRESS_NAMES = { probe: 'StateProbe', replicate: 'StateReplicate', snapshot: 'StateSnapshot' } as const;

export function describeEntry(entry: Entry): string {
  const { term, index } = entry;
  if (entry.kind === 'config-change') return `${term}/${index} EntryConfChangeV2`;
  return `${term}/${index} EntryNormal "${Buffer.from(entry.data).toString()}"`;
}

export function describeMessage(message: Message): string[] {
  const { from, to, term, type } = message;
  const head = `${from}->${to} ${MESSAGE_NAMES[type]} Term:${term}`;
  switch (message.type) {
    case 'append':
      return describeAppend(
        `${head} Log:${message.previousTerm}/${message.previousIndex}${commit(message.commit)}`,
        message.entries,
      );
    case 'append-accepted':
      return [`${head} Log:0/${message.index}`];
    case 'append-rejected':
      return [`${head} Log:${message.hintTerm}/${message.index} Rejected (Hint: ${message.hintIndex})`];
    case 'vote-request':
    case 'pre-vote-request':
      return [`${head} Log:${message.lastTerm}/${message.lastIndex}`];
    case 'vote-response':
    case 'pre-vote-response':
      return [`${head} Log:0/0${message.granted ? '' : ' Rejected (Hint: 0)'}`];
    case 'heartbeat':
      return [`${head} Log:0/0${commit(message.commit)}`];
    case 'heartbeat-response':
      return [`${head} Log:0/0`];
    case 'install-snapshot':
      return [`${head} Log:0/0`, `  Snapshot: ${describeSnapshot(message.snapshot)}`];
    default:
      return [`${head} Log:0/0`];
  }
}

export function describeReady(ready: Ready): string[] {
  const { softState, hardState, snapshot, entries, committedEntries, messages, mustSync } = ready;
  return [
    `Ready MustSync=${mustSync}:`,
    ...(softState === undefined ? [] : [`Lead:${softState.leader || 0} State:${ROLE_NAMES[softState.role]}`]),
    ...(hardState === undefined ? [] : [describeHardState(hardState)]),
    ...(entries.length === 0 ? [] : ['Entries:', ...entries.map(describeEntry)]),
    ...(snapshot === undefined ? [] : [`Snapshot ${describeSnapshot(snapshot)}`]),
    ...(committedEntries.length === 0 ? [] : ['CommittedEntries:', ...committedEntries.map(describeEntry)]),
    ...(messages.length === 0 ? [] : ['Messages:', ...messages.flatMap(describeMessage)]),
  ];
}

export function describeProgress(progress: PeerStatus): string {
  const { state, match, next, paused, pendingSnapshot, recentlyActive, inflight, inflightFull } = progress;
  return [
    `${PROGRESS_NAMES[state]} match=${match} next=${next}`,
    ...(paused ? ['paused'] : []),
    ...(pendingSnapshot > 0 ? [`pendingSnap=${pendingSnapshot}`] : []),
    ...(recentlyActive ? [] : ['inactive']),
    ...(inflight > 0 ? [`inflight=${inflight}${inflightFull ? '[full]' : ''}`] : []),
  ].join(' ');
}

function describeAppend(head: string, entries: readonly Entry[]): string[] {
  const [first, ...others] = entries.map(describeEntry);
  if (first === undefined) return [head];
  if (others.length === 0) return [`${head} Entries:[${first}]`];
  return [`${head} Entries:[`, ...[first, ...others].map((entry) => `  ${entry}`), ']'];
}

function describeHardState(state: HardState): string {
  return `HardState Term:${state.term}${state.vote === '' ? '' : ` Vote:${state.vote}`} Commit:${state.commit}`;
}

function describeSnapshot({ index, term, configuration }: Snapshot): string {
  const others = 'VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false';
  return `Index:${index} Term:${term} ConfState:Voters:[${configuration.voters.join(' ')}] ${others}`;
}

function commit(index: number): string {
  return index === 0 ? '' : ` Commit:${index}`;
}
