/** The core's messages and those of proto/gantry/v1/raft.proto, in both directions. */
import { GantryError } from '../../../proto/errors.ts';
import {
  RaftChangeType,
  type RaftConfigChange,
  type RaftConfiguration,
  type RaftEntry,
  type RaftMessage,
  RaftTransition,
  type SnapshotHeader,
} from '../../../proto/generated/gantry/v1/raft.ts';
import type { Body, ConfigChange, Configuration, Entry, Message, SingleChange } from '../../raft/message.ts';
import { ownBytes } from '../own-bytes.ts';
import type { SnapshotTransfer } from './transport.ts';

type WireBody = NonNullable<RaftMessage['body']>;

/** A message that isn't a snapshot: those go another way, with their state. */
export function toWire(message: Message): RaftMessage {
  const { from, to, term } = message;
  return { from, to, term, body: toWireBody(message) };
}

/** CORRUPT for a message without a body that this version knows. */
export function fromWire({ from, to, term, body }: RaftMessage): Message {
  if (body === undefined) throw new GantryError('CORRUPT', `manager ${from} sent a message of an unknown kind`);
  return { ...fromWireBody(body), from, to, term } as Message;
}

/** About what a message takes in memory and on the wire. */
export function messageBytes(message: Message): number {
  if (message.type !== 'append') return 64;
  return message.entries.reduce((sum, entry) => sum + 32 + entryBytes(entry), 64);
}

export function entryBytes(entry: Entry): number {
  return entry.kind === 'normal' ? entry.data.byteLength : 128;
}

export function snapshotHeader({ snapshot, members, to, term, from }: SnapshotTransfer): RaftMessage {
  const { index, configuration } = snapshot;
  const value = {
    index,
    term: snapshot.term,
    configuration: toWireConfiguration(configuration),
    members: [...members],
  };
  return { from, to, term, body: { $case: 'installSnapshot', value } };
}

export function fromSnapshotHeader({ message }: SnapshotHeader, data: Uint8Array): SnapshotTransfer {
  if (message?.body?.$case !== 'installSnapshot')
    throw new GantryError('CORRUPT', 'a snapshot came without its header');
  const { index, term, configuration, members } = message.body.value;
  const snapshot = { index, term, configuration: fromWireConfiguration(configuration), data };
  return { from: message.from, to: message.to, term: message.term, snapshot, members };
}

export function toWireEntry(entry: Entry): RaftEntry {
  const { term, index } = entry;
  if (entry.kind === 'normal') return { term, index, payload: { $case: 'data', value: asBuffer(entry.data) } };
  return { term, index, payload: { $case: 'change', value: toWireChange(entry.change) } };
}

/** An entry without a payload is the empty one with which a leader begins. */
export function fromWireEntry({ term, index, payload }: RaftEntry): Entry {
  if (payload?.$case === 'change') return { term, index, kind: 'config-change', change: fromWireChange(payload.value) };
  return { term, index, kind: 'normal', data: ownBytes(payload?.value ?? new Uint8Array()) };
}

export function toWireConfiguration(configuration: Configuration): RaftConfiguration {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  return {
    voters: [...voters],
    votersOutgoing: [...votersOutgoing],
    learners: [...learners],
    learnersNext: [...learnersNext],
    autoLeave,
  };
}

export function fromWireConfiguration(configuration: RaftConfiguration | undefined): Configuration {
  return configuration ?? { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
}

function toWireBody(message: Message): WireBody {
  switch (message.type) {
    case 'append':
      return {
        $case: 'append',
        value: {
          previousIndex: message.previousIndex,
          previousTerm: message.previousTerm,
          commit: message.commit,
          entries: message.entries.map(toWireEntry),
        },
      };
    case 'append-accepted':
      return { $case: 'appendAccepted', value: { index: message.index } };
    case 'append-rejected': {
      const { index, hintIndex, hintTerm } = message;
      return { $case: 'appendRejected', value: { index, hintIndex, hintTerm } };
    }
    case 'vote-request':
    case 'pre-vote-request': {
      const { lastIndex, lastTerm } = message;
      const preVote = message.type === 'pre-vote-request';
      return { $case: 'voteRequest', value: { preVote, lastIndex, lastTerm, transfer: message.transfer } };
    }
    case 'vote-response':
    case 'pre-vote-response': {
      const { granted, commitIndex, commitTerm } = message;
      const preVote = message.type === 'pre-vote-response';
      return { $case: 'voteResponse', value: { preVote, granted, commitIndex, commitTerm } };
    }
    case 'heartbeat':
      return { $case: 'heartbeat', value: { commit: message.commit, context: asBuffer(message.context) } };
    case 'heartbeat-response':
      return { $case: 'heartbeatResponse', value: { context: asBuffer(message.context) } };
    case 'read-index':
      return { $case: 'readIndex', value: { context: asBuffer(message.context) } };
    case 'read-index-response':
      return { $case: 'readIndexResponse', value: { context: asBuffer(message.context), index: message.index } };
    case 'timeout-now':
      return { $case: 'timeoutNow', value: {} };
    case 'transfer-leadership':
      return { $case: 'transferLeadership', value: { target: message.target } };
    default:
      throw new GantryError('INTERNAL', `a message of kind ${message.type} is not for a peer`);
  }
}

function fromWireBody(body: WireBody): Body {
  switch (body.$case) {
    case 'append':
      return { type: 'append', ...body.value, entries: body.value.entries.map(fromWireEntry) };
    case 'appendAccepted':
      return { type: 'append-accepted', ...body.value };
    case 'appendRejected':
      return { type: 'append-rejected', ...body.value };
    case 'voteRequest': {
      const { preVote, ...request } = body.value;
      return { type: preVote ? 'pre-vote-request' : 'vote-request', ...request };
    }
    case 'voteResponse': {
      const { preVote, ...response } = body.value;
      return { type: preVote ? 'pre-vote-response' : 'vote-response', ...response };
    }
    case 'heartbeat':
      return { type: 'heartbeat', ...body.value };
    case 'heartbeatResponse':
      return { type: 'heartbeat-response', ...body.value };
    case 'readIndex':
      return { type: 'read-index', ...body.value };
    case 'readIndexResponse':
      return { type: 'read-index-response', ...body.value };
    case 'timeoutNow':
      return { type: 'timeout-now' };
    case 'transferLeadership':
      return { type: 'transfer-leadership', ...body.value };
    case 'installSnapshot':
      throw new GantryError('CORRUPT', 'a snapshot came without its state');
  }
}

const TRANSITIONS = {
  auto: RaftTransition.AUTO,
  'joint-implicit': RaftTransition.JOINT_IMPLICIT,
  'joint-explicit': RaftTransition.JOINT_EXPLICIT,
} as const;
const CHANGE_TYPES = {
  'add-voter': RaftChangeType.ADD_VOTER,
  'add-learner': RaftChangeType.ADD_LEARNER,
  remove: RaftChangeType.REMOVE,
  update: RaftChangeType.UPDATE,
} as const;

function toWireChange({ transition, changes, context }: ConfigChange): RaftConfigChange {
  return {
    transition: TRANSITIONS[transition],
    changes: changes.map(({ type, node }) => ({ type: CHANGE_TYPES[type], node })),
    context: asBuffer(context),
  };
}

function fromWireChange({ transition, changes, context }: RaftConfigChange): ConfigChange {
  return {
    transition: keyOf(TRANSITIONS, transition),
    changes: changes.map(({ type, node }): SingleChange => ({ type: keyOf(CHANGE_TYPES, type), node })),
    context,
  };
}

function keyOf<Name extends string>(names: Readonly<Record<Name, number>>, value: number): Name {
  const found = (Object.keys(names) as Name[]).find((name) => names[name] === value);
  if (found === undefined)
    throw new GantryError('UNSUPPORTED', `a change of membership of kind ${value} is unknown here`);
  return found;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
