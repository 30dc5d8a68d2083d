/** States and messages in the words of etcd's interaction traces. */
import type {
  ConfigChange,
  Configuration,
  Entry,
  HardState,
  Message,
  PeerId,
  Proposal,
  Role,
  SingleChange,
  Snapshot,
  SoftState,
} from '../message.ts';
import type { Ready } from '../ready.ts';
import type { PeerStatus, Status } from '../status.ts';
import type { StorageDone, StorageWrite } from '../storage-writes.ts';
import { numberOf } from './node-id.testing.ts';
import { quote } from './quote.testing.ts';

/** Marks a change that was proposed in the older form, which has a name of its own, in its context. */
export const V1_CONTEXT: Uint8Array = Buffer.from('v1');

const APPEND_THREAD = 'AppendThread';
const APPLY_THREAD = 'ApplyThread';

const MESSAGE_NAMES: Record<(Message | StorageWrite | StorageDone)['type'], string> = {
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
  'storage-append': 'MsgStorageAppend',
  'storage-apply': 'MsgStorageApply',
  'storage-append-done': 'MsgStorageAppendResp',
  'storage-apply-done': 'MsgStorageApplyResp',
};
const ROLE_NAMES: Record<Role, string> = {
  follower: 'StateFollower',
  'pre-candidate': 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
};
const PROGRESS_NAMES = { probe: 'StateProbe', replicate: 'StateReplicate', snapshot: 'StateSnapshot' } as const;
const CHANGE_LETTERS: Record<SingleChange['type'], string> = {
  'add-voter': 'v',
  'add-learner': 'l',
  remove: 'r',
  update: 'u',
};

/** Whatever may be on the wire between nodes and their storage. */
export type AnyMessage = Message | StorageDone;

export function nameOf({ type }: AnyMessage): string {
  return MESSAGE_NAMES[type];
}

export function describeEntry(entry: Entry): string {
  return `${entry.term}/${entry.index} ${describePayload(entry)}`;
}

export function describeMessage(message: AnyMessage): string[] {
  return 'from' in message ? describePeerMessage(message) : describeDone(message);
}

/** `owner`: the node whose storage is written. Without the responses where they aren't asked for. */
export function describeWrite(owner: PeerId, write: StorageWrite, withResponses: boolean): string[] {
  const lines = write.type === 'storage-append' ? describeAppendWrite(owner, write) : describeApplyWrite(owner, write);
  if (!withResponses || write.responses.length === 0) return lines;
  const responses = write.responses.flatMap(describeMessage).map((line) => `  ${line}`);
  return [...lines.slice(0, -1), `${lines.at(-1) ?? ''} Responses:[`, ...responses, ']'];
}

export function describeReady(owner: PeerId, ready: Ready): string[] {
  const { softState, hardState, snapshot, entries, committedEntries, messages, readStates, writes, mustSync } = ready;
  const lines = [
    ...(softState === undefined ? [] : [describeSoftState(softState)]),
    ...(hardState === undefined ? [] : [`HardState ${describeHardState(hardState)}`]),
    ...(readStates.length === 0 ? [] : [`ReadStates ${describeReadStates(readStates)}`]),
    ...(entries.length === 0 ? [] : ['Entries:', ...entries.map(describeEntry)]),
    ...(snapshot === undefined ? [] : [`Snapshot ${describeSnapshot(snapshot)}`]),
    ...(committedEntries.length === 0 ? [] : ['CommittedEntries:', ...committedEntries.map(describeEntry)]),
    ...(messages.length + writes.length === 0 ? [] : ['Messages:']),
    ...messages.flatMap(describeMessage),
    ...writes.flatMap((write) => describeWrite(owner, write, true)),
  ];
  return lines.length === 0 ? ['<empty Ready>'] : [`Ready MustSync=${mustSync}:`, ...lines];
}

export function describeProgress(progress: PeerStatus): string {
  const { id, state, match, next, learner, paused, pendingSnapshot, recentlyActive, inflight, inflightFull } = progress;
  return [
    `${numberOf(id)}: ${PROGRESS_NAMES[state]} match=${match} next=${next}`,
    ...(learner ? ['learner'] : []),
    ...(paused ? ['paused'] : []),
    ...(pendingSnapshot > 0 ? [`pendingSnap=${pendingSnapshot}`] : []),
    ...(recentlyActive ? [] : ['inactive']),
    ...(inflight > 0 ? [`inflight=${inflight}${inflightFull ? '[full]' : ''}`] : []),
  ].join(' ');
}

export function describeState({ id, role, term, leader, configuration }: Status): string {
  const votes = configuration.voters.includes(id) || configuration.votersOutgoing.includes(id);
  const voter = votes ? '(Voter)' : '(Non-Voter)';
  return `${numberOf(id)}: ${ROLE_NAMES[role]} ${voter} Term:${term} Lead:${numberOf(leader)}`;
}

function describePeerMessage(message: Message): string[] {
  const from = message.type === 'transfer-leadership' ? message.target : message.from;
  const head = `${peer(from)}->${peer(message.to)} ${MESSAGE_NAMES[message.type]} Term:${message.term}`;
  switch (message.type) {
    case 'append':
      return withEntries(
        `${head} Log:${message.previousTerm}/${message.previousIndex}${commit(message.commit)}`,
        message.entries.map(describeEntry),
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
    case 'install-snapshot':
      return [`${head} Log:0/0`, `  Snapshot: ${describeSnapshot(message.snapshot)}`];
    case 'propose':
      return withEntries(`${head} Log:0/0`, message.proposals.map(describeUnplaced));
    case 'read-index':
      return withEntries(`${head} Log:0/0`, [describeContext(message.context)]);
    case 'read-index-response':
      return withEntries(`${head} Log:0/${message.index}`, [describeContext(message.context)]);
    case 'heartbeat-response':
    case 'timeout-now':
    case 'transfer-leadership':
      return [`${head} Log:0/0`];
  }
}

function describeDone(done: StorageDone): string[] {
  if (done.type === 'storage-apply-done') {
    const head = `${APPLY_THREAD}->${peer(done.to)} ${MESSAGE_NAMES[done.type]} Term:0 Log:0/0`;
    return withEntries(head, done.entries.map(describeEntry));
  }
  const { to, term, last, snapshot } = done;
  const log = `Log:${last?.term ?? 0}/${last?.index ?? 0}`;
  return withSnapshot([`${APPEND_THREAD}->${peer(to)} ${MESSAGE_NAMES[done.type]} Term:${term} ${log}`], snapshot);
}

function describeAppendWrite(owner: PeerId, write: Extract<StorageWrite, { type: 'storage-append' }>): string[] {
  const { hardState, entries, snapshot } = write;
  const vote = hardState === undefined || hardState.vote === '' ? '' : ` Vote:${numberOf(hardState.vote)}`;
  const head = `${peer(owner)}->${APPEND_THREAD} ${MESSAGE_NAMES[write.type]} Term:${hardState?.term ?? 0} Log:0/0`;
  return withSnapshot(
    withEntries(`${head}${commit(hardState?.commit ?? 0)}${vote}`, entries.map(describeEntry)),
    snapshot,
  );
}

function describeApplyWrite(owner: PeerId, write: Extract<StorageWrite, { type: 'storage-apply' }>): string[] {
  const head = `${peer(owner)}->${APPLY_THREAD} ${MESSAGE_NAMES[write.type]} Term:0 Log:0/0`;
  return withEntries(head, write.entries.map(describeEntry));
}

function withSnapshot(lines: string[], snapshot: Snapshot | undefined): string[] {
  return snapshot === undefined ? lines : [...lines, `  Snapshot: ${describeSnapshot(snapshot)}`];
}

function withEntries(head: string, entries: readonly string[]): string[] {
  const [first, ...others] = entries;
  if (first === undefined) return [head];
  if (others.length === 0) return [`${head} Entries:[${first}]`];
  return [`${head} Entries:[`, ...entries.map((entry) => `  ${entry}`), ']'];
}

function describePayload(payload: Proposal): string {
  if (payload.kind === 'normal') return `EntryNormal ${quote(payload.data)}`;
  const { change } = payload;
  return [changeName(change), ...change.changes.map(({ type, node }) => CHANGE_LETTERS[type] + numberOf(node))].join(
    ' ',
  );
}

function changeName({ context }: ConfigChange): string {
  return Buffer.compare(context, V1_CONTEXT) === 0 ? 'EntryConfChange' : 'EntryConfChangeV2';
}

function describeUnplaced(proposal: Proposal): string {
  return `0/0 ${describePayload(proposal)}`;
}

function describeContext(context: Uint8Array): string {
  return `0/0 EntryNormal ${quote(context)}`;
}

function describeReadStates(readStates: Ready['readStates']): string {
  return `[${readStates.map(({ index, context }) => `{${index} [${[...context].join(' ')}]}`).join(' ')}]`;
}

function describeSoftState({ leader, role }: SoftState): string {
  return `Lead:${numberOf(leader)} State:${ROLE_NAMES[role]}`;
}

function describeHardState({ term, vote, commit: index }: HardState): string {
  return `Term:${term}${vote === '' ? '' : ` Vote:${numberOf(vote)}`} Commit:${index}`;
}

function describeSnapshot({ index, term, configuration }: Snapshot): string {
  return `Index:${index} Term:${term} ConfState:${describeConfiguration(configuration)}`;
}

function describeConfiguration(configuration: Configuration): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  return [
    `Voters:${list(voters)} VotersOutgoing:${list(votersOutgoing)}`,
    `Learners:${list(learners)} LearnersNext:${list(learnersNext)} AutoLeave:${autoLeave}`,
  ].join(' ');
}

function list(ids: readonly PeerId[]): string {
  return `[${ids.map(numberOf).join(' ')}]`;
}

/** Messages name nodes by hexadecimal numbers, all else by decimal ones. */
function peer(id: PeerId): string {
  return numberOf(id).toString(16);
}

function commit(index: number): string {
  return index === 0 ? '' : ` Commit:${index}`;
}
