/** One host's part of `gantry network doctor`, step by step as engine.proto says. */
import { setTimeout as delay } from 'node:timers/promises';
import { GantryError } from '../../../proto/errors.ts';
import type {
  NetworkCheckRequest,
  NetworkCheckResponse,
  NetworkCheckStart,
  ReceivedProbes,
} from '../../../proto/generated/gantry/v1/engine.ts';
import { newObjectId } from '../../../proto/ids.ts';
import { DEFAULT_MTU } from '../network-record.ts';
import { connectToManagers } from './connect-to-managers.ts';
import { type HostFactParts, readHostFacts } from './host-facts.ts';
import { hostFindings } from './host-findings.ts';
import { closeProbeCounters, openProbeCounters, type ProbeCounters, readProbeCounters } from './probe-counters.ts';
import { sendProbes } from './send-probes.ts';

/** On the way for longer than this a probe counts as lost. */
const ARRIVAL_MS = 2000;
const LOOK_MS = 100;

export interface CheckParts extends HostFactParts {
  /** Milliseconds since the Unix epoch. */
  readonly clock: () => number;
}

export async function* checkNetwork(
  parts: CheckParts,
  requests: AsyncIterable<NetworkCheckRequest>,
  signal: AbortSignal,
): AsyncGenerator<NetworkCheckResponse, void, undefined> {
  let check: { readonly start: NetworkCheckStart; readonly counters: ProbeCounters | undefined } | undefined;
  try {
    for await (const { step } of requests) {
      if (step?.$case === 'start' && check === undefined) {
        const { value: start } = step;
        check = { start, counters: await openCounters(parts, start) };
        yield await started(parts, start);
      } else if (step?.$case === 'probe' && check !== undefined) {
        yield await probed(parts, check.start);
      } else if (step?.$case === 'collect' && check !== undefined) {
        yield { answer: { $case: 'collected', value: { received: await collect(check.counters, signal) } } };
      } else {
        throw new GantryError('INVALID_ARGUMENT', 'NetworkCheck must be sent "start" first, and once');
      }
    }
  } finally {
    if (check?.counters !== undefined) await closeProbeCounters(check.counters);
  }
}

function openCounters(
  { instance, random }: CheckParts,
  { vni, peers }: NetworkCheckStart,
): Promise<ProbeCounters> | undefined {
  return peers.length === 0 ? undefined : openProbeCounters(instance, newObjectId(random), vni, peers);
}

async function started(parts: CheckParts, start: NetworkCheckStart): Promise<NetworkCheckResponse> {
  const facts = await readHostFacts(parts, start);
  const value = { findings: hostFindings(facts), nowMs: parts.clock(), mtu: facts.underlayMtu ?? 0 };
  return { answer: { $case: 'started', value } };
}

async function probed(
  { links }: CheckParts,
  { ownAddress, peers, vni }: NetworkCheckStart,
): Promise<NetworkCheckResponse> {
  const mtu = await links.mtuOf(ownAddress);
  const own = mtu === undefined ? undefined : ownAddress;
  const [sent, connected] = await Promise.all([
    sendProbes(own, peers, vni, mtu ?? DEFAULT_MTU),
    connectToManagers(own, peers),
  ]);
  return { answer: { $case: 'probed', value: { findings: [...sent, ...connected] } } };
}

/** As soon as some have come of each kind from all, or when no more will come. */
async function collect(counters: ProbeCounters | undefined, signal: AbortSignal): Promise<ReceivedProbes[]> {
  if (counters === undefined) return [];
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    const received = await readProbeCounters(counters);
    const isComplete = received.every(({ small, large }) => small > 0 && large > 0);
    if (isComplete || waitedMs >= ARRIVAL_MS || signal.aborted) return received;
    await delay(LOOK_MS);
  }
}
