/**
 * What a seed stands for: how large a cluster is, how it is tuned, and which troubles it has. Each run has only some of
 * them, as too many at a time keep a cluster from doing anything that could go wrong (Groce et al., Swarm Testing, 2012).
 */
import type { RaftConfig } from '../../manager/raft/raw-node.ts';
import { FAULT_NAMES, type FaultName } from './fault-names.ts';
import type { NetworkConditions } from './network.ts';
import type { Random } from './prng.ts';
import type { SimulatedMs } from './scheduler.ts';

/** Between two ticks of a clock that is right. */
export const TICK_MS: SimulatedMs = 100;

export type Tuning = Omit<RaftConfig, 'id' | 'storage' | 'applied' | 'random'>;

export interface Scenario {
  /** Voters at the beginning. */
  readonly nodes: number;
  /** Nodes that may be added. */
  readonly spares: number;
  readonly clients: number;
  /** From when on there is no more trouble. */
  readonly troubleMs: SimulatedMs;
  readonly tuning: Tuning;
  /** Whether a leader sends entries before its own disk has them. */
  readonly sendsEarly: boolean;
  /** The longest that it takes to apply what a Ready says is committed. */
  readonly applyMs: SimulatedMs;
  readonly network: NetworkConditions;
  /** The longest sync of a disk that is well. */
  readonly syncMs: SimulatedMs;
  /** Entries after which a node takes a snapshot, and how many it keeps before that. */
  readonly snapshotEntries: number;
  readonly keepEntries: number;
  /** Clocks run up to so many times as fast as they should, or as slow. */
  readonly clockSkew: number;
  readonly faults: readonly FaultName[];
  /** On average between two faults. */
  readonly faultIntervalMs: SimulatedMs;
  /** The longest that a fault lasts. */
  readonly maxFaultTicks: number;
  /** Of a leader to fall soon after it was elected: the moment at which most can go wrong. */
  readonly ambushProbability: number;
  readonly ambushMs: SimulatedMs;
  /** On average between two changes of the membership or transfers of leadership; undefined when there are none. */
  readonly changeIntervalMs: SimulatedMs | undefined;
  /**
   * Whether a change may leave less than a majority of the voters so far. Who of them hasn't heard of it then needs the
   * votes of some who are gone, and may never get them.
   */
  readonly removesMajorities: boolean;
  /** The longest pause of a client between two operations. */
  readonly thinkMs: SimulatedMs;
  readonly readShare: number;
  readonly maxPaddingBytes: number;
}

export const SIZES = [1, 3, 3, 5, 5, 7] as const;

const LEASE_SHARE = 0.15;
/** Then no clock is more than a tenth faster than another, which is what a lease relies on. */
const LEASE_CLOCK_SKEW = Math.sqrt(1.1);

/** `nodes`: instead of what the seed says. */
export function drawScenario(random: Random, nodes: number | undefined): Scenario {
  const scenario = drawSafe(random);
  const drawn = random.chance(LEASE_SHARE) ? withLease(scenario) : scenario;
  return { ...drawn, nodes: nodes ?? drawn.nodes };
}

/** Reads by lease, and without what they don't bear: see read-index.ts in the core. */
function withLease(scenario: Scenario): Scenario {
  return {
    ...scenario,
    // The lease is a few ticks shorter than the election timeout: with a short one there would be none.
    tuning: {
      ...scenario.tuning,
      readOnly: 'lease',
      checkQuorum: true,
      electionTicks: 3 * scenario.tuning.electionTicks,
    },
    clockSkew: Math.min(scenario.clockSkew, LEASE_CLOCK_SKEW),
    faults: scenario.faults.filter((name) => name !== 'stop'),
  };
}

function drawSafe(random: Random): Scenario {
  return {
    nodes: random.pick(SIZES) ?? 3,
    spares: random.below(4),
    clients: random.between(1, 4),
    troubleMs: drawTroubleTicks(random) * TICK_MS,
    tuning: drawTuning(random),
    sendsEarly: random.chance(0.5),
    applyMs: random.chance(0.4) ? 0 : random.between(1, random.chance(0.7) ? 60 : 20 * TICK_MS),
    network: drawNetwork(random),
    syncMs: random.between(1, 60),
    snapshotEntries: random.between(3, 60),
    keepEntries: random.chance(0.5) ? 0 : random.below(20),
    clockSkew: random.chance(0.5) ? 1 : 1 + random.next() * 2,
    faults: random.some(FAULT_NAMES, 0.5),
    faultIntervalMs: random.chance(0.3) ? random.between(50, 500) : random.between(5, 30) * TICK_MS,
    maxFaultTicks: random.pick([4, 12, 40]) ?? 12,
    ambushProbability: random.chance(0.5) ? 0 : Math.max(random.next(), random.next()),
    ambushMs: random.between(10, 400),
    changeIntervalMs: random.chance(0.4) ? undefined : random.between(1, 30) * TICK_MS,
    removesMajorities: random.chance(0.3),
    thinkMs: random.between(1, 8) * TICK_MS,
    readShare: random.next() * 0.7,
    maxPaddingBytes: random.chance(0.8) ? 4 : 60,
  };
}

/** Most are short, so that many fit in; some are long, for what takes time to go wrong. */
function drawTroubleTicks(random: Random): number {
  if (random.chance(0.01)) return random.between(1500, 6000);
  return random.chance(0.2) ? random.between(500, 1500) : random.between(50, 500);
}

function drawTuning(random: Random): Tuning {
  const heartbeatTicks = random.between(1, 2);
  // One entry each in many runs: then what belongs together may arrive in part.
  const maxBytesPerMessage = random.chance(0.4) ? 1 : random.between(1, 200);
  return {
    heartbeatTicks,
    electionTicks: heartbeatTicks * random.between(2, 5) + 1,
    preVote: random.chance(0.6),
    checkQuorum: random.chance(0.7),
    maxBytesPerMessage,
    maxInflightMessages: random.between(1, 8),
    maxInflightBytes: random.chance(0.7) ? Number.MAX_SAFE_INTEGER : maxBytesPerMessage * random.between(1, 4),
    maxBytesApplying: random.chance(0.7) ? Number.MAX_SAFE_INTEGER : random.between(1, 200),
    maxUncommittedBytes: random.chance(0.7) ? Number.MAX_SAFE_INTEGER : random.between(50, 500),
    forwardProposals: random.chance(0.7),
    stepDownOnRemoval: random.chance(0.7),
    asyncStorageWrites: random.chance(0.4),
  };
}

function drawNetwork(random: Random): NetworkConditions {
  return {
    lossProbability: random.chance(0.5) ? 0 : random.next() * 0.2,
    duplicateProbability: random.chance(0.5) ? 0 : random.next() * 0.1,
    entryLossProbability: random.chance(0.5) ? 0 : random.next() * 0.8,
    delayMs: random.between(1, 80),
    longDelayProbability: random.chance(0.5) ? 0 : random.next() * 0.1,
    longDelayMs: random.between(1, 30) * TICK_MS,
  };
}
