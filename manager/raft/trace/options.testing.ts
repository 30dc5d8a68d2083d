/** The options with which a trace adds nodes. */
import type { RaftConfig } from '../config.ts';
import { NO_CONFIGURATION, type PeerId, type Snapshot } from '../message.ts';
import { idOf } from './node-id.testing.ts';
import { quote } from './quote.testing.ts';
import type { Command } from './script.testing.ts';

const DEFAULT_ELECTION_TICKS = 3;
const DEFAULT_HEARTBEAT_TICKS = 1;

/** A command that can't be done: the message is what the trace shows. */
export class TraceError extends Error {}

export interface NodeOptions {
  readonly config: Omit<RaftConfig, 'id' | 'storage' | 'applied'>;
  /** What the nodes begin with; undefined when with nothing. */
  readonly bootstrap: Snapshot | undefined;
}

const KNOWN: readonly string[] = [
  'voters',
  'learners',
  'inflight',
  'max-inflight-bytes',
  'index',
  'content',
  'async-storage-writes',
  'prevote',
  'checkquorum',
  'max-committed-size-per-ready',
  'max-size-per-msg',
  'max-uncommitted-size',
  'disable-proposal-forwarding',
  'disable-conf-change-validation',
  'read-only',
  'step-down-on-removal',
  'heartbeat-tick',
  'election-tick',
];

export function parseNodeOptions(named: Command['named']): NodeOptions {
  for (const key of named.keys()) if (!KNOWN.includes(key)) throw new TraceError(`unknown option ${key} of add-nodes`);
  const number = (key: string, otherwise: number) => Number(named.get(key)?.[0] ?? otherwise);
  const flag = (key: string) => ['true', 't', '1'].includes((named.get(key)?.[0] ?? 'false').toLowerCase());
  const unlimited = Number.POSITIVE_INFINITY;
  return {
    config: {
      electionTicks: number('election-tick', DEFAULT_ELECTION_TICKS),
      heartbeatTicks: number('heartbeat-tick', DEFAULT_HEARTBEAT_TICKS),
      preVote: flag('prevote'),
      checkQuorum: flag('checkquorum'),
      maxBytesPerMessage: number('max-size-per-msg', unlimited),
      maxInflightMessages: number('inflight', unlimited),
      maxInflightBytes: number('max-inflight-bytes', unlimited),
      maxBytesApplying: number('max-committed-size-per-ready', number('max-size-per-msg', unlimited)),
      maxUncommittedBytes: number('max-uncommitted-size', unlimited),
      forwardProposals: !flag('disable-proposal-forwarding'),
      validateConfigChanges: !flag('disable-conf-change-validation'),
      readOnly: parseReadOnly(named.get('read-only')?.[0] ?? 'safe'),
      stepDownOnRemoval: flag('step-down-on-removal'),
      asyncStorageWrites: flag('async-storage-writes'),
      random: () => 0,
    },
    bootstrap: parseBootstrap(named),
  };
}

function parseBootstrap(named: Command['named']): Snapshot | undefined {
  const voters = ids(named.get('voters'));
  const learners = ids(named.get('learners'));
  const index = Number(named.get('index')?.[0] ?? 0);
  const data = Buffer.from(named.get('content')?.[0] ?? '');
  if (voters.length + learners.length + index + data.length === 0) return undefined;
  if (index <= 1) throw new TraceError('index must be specified as > 1 due to bootstrap');
  return { index, term: 1, configuration: { ...NO_CONFIGURATION, voters, learners }, data };
}

function parseReadOnly(text: string): 'safe' | 'lease' {
  if (text === 'safe') return 'safe';
  if (text === 'lease-based' || text === 'lease') return 'lease';
  throw new TraceError(`invalid read-only option ${quote(Buffer.from(text))}`);
}

function ids(values: readonly string[] = []): PeerId[] {
  return values.flatMap((value) => value.split(' ')).map((value) => idOf(Number(value)));
}
