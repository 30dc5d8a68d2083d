/** What a node is told at its start, and what holds where it isn't told. */
import assert from 'node:assert/strict';
import type { LogStorage } from './log/log-storage.ts';
import type { PeerId } from './message.ts';

export interface RaftConfig {
  readonly id: PeerId;
  readonly storage: LogStorage;
  /** Index of the last entry that the state machine has. */
  readonly applied: number;
  /** Ticks without a leader after which a follower campaigns; drawn anew each time from [n, 2n). */
  readonly electionTicks: number;
  /** Ticks between a leader's heartbeats; well below electionTicks. */
  readonly heartbeatTicks: number;
  /** Ask the others whether they would vote before campaigning in earnest (thesis, section 9.6). */
  readonly preVote: boolean;
  /** A leader that a majority doesn't answer steps down, and nobody votes who hears from a leader (thesis, section 6.2). */
  readonly checkQuorum: boolean;
  /** Of entries in one message, but at least one entry. */
  readonly maxBytesPerMessage: number;
  /** Messages with entries on their way to one follower. */
  readonly maxInflightMessages: number;
  /** Payload on its way to one follower; one message may go beyond. At least maxBytesPerMessage; unlimited without it. */
  readonly maxInflightBytes?: number;
  /** Of committed entries handed out and not yet applied; 4 MiB without it. */
  readonly maxBytesApplying?: number;
  /** Payload of a leader's entries that aren't committed: what would go beyond is dropped. Unlimited without it. */
  readonly maxUncommittedBytes?: number;
  /** Whether a follower passes proposals on to its leader; true without it. False: they are dropped. */
  readonly forwardProposals?: boolean;
  /** `safe` (without it): each read asks a majority. `lease`: trusts the rates of all clocks, and needs checkQuorum; see read-index.ts. */
  readonly readOnly?: 'safe' | 'lease';
  /** A leader that is removed or becomes a learner steps down at once; true without it. */
  readonly stepDownOnRemoval?: boolean;
  /**
   * Whether a change of the configuration that isn't possible now is replaced by an empty entry when it is proposed; true
   * without it. Only to be switched off by whoever serializes changes in another way: applying an impossible one throws.
   */
  readonly validateConfigChanges?: boolean;
  /** Log and state machine are written while the next Ready is worked on: see storage-writes.ts. */
  readonly asyncStorageWrites?: boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export type Settings = Required<RaftConfig>;

const DEFAULT_MAX_BYTES_APPLYING = 4 * 1024 * 1024;

export function settingsOf(config: RaftConfig): Settings {
  const settings: Settings = {
    maxInflightBytes: Number.POSITIVE_INFINITY,
    maxBytesApplying: DEFAULT_MAX_BYTES_APPLYING,
    maxUncommittedBytes: Number.POSITIVE_INFINITY,
    forwardProposals: true,
    readOnly: 'safe',
    stepDownOnRemoval: true,
    validateConfigChanges: true,
    asyncStorageWrites: false,
    ...config,
  };
  assert(settings.id.length > 0, 'a node needs an id');
  assert(settings.heartbeatTicks > 0 && settings.electionTicks > settings.heartbeatTicks, 'heartbeats come too late');
  assert(settings.maxInflightMessages > 0, 'nothing may be on its way');
  assert(settings.maxInflightBytes >= settings.maxBytesPerMessage, 'one message is more than may be on its way');
  assert(settings.readOnly === 'safe' || settings.checkQuorum, 'reads by lease need checkQuorum');
  return settings;
}
