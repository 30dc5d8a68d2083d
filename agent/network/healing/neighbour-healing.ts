/** Who is at which MAC address on bridges: what of it somebody has deleted, and what a container has left that is gone. Pure. */
import type { KernelState } from '../kernel-state.ts';
import { bridgeName } from '../link-names.ts';
import { containerNeighbours } from '../neighbours.ts';
import type { Neighbour } from '../netlink/neighbour.ts';
import { type SandboxRecord, vethsOf } from '../sandbox-record.ts';

export interface NeighbourFaults {
  readonly missing: readonly Neighbour[];
  /** Of containers that a killed agent has taken down halfway. */
  readonly stale: readonly Neighbour[];
}

export interface KnownSandboxes {
  /** Those that were whole before the kernel was read. */
  readonly before: readonly SandboxRecord[];
  /** All that there are now: also those that are being made or taken down, which nothing is missing of. */
  readonly now: Iterable<SandboxRecord>;
  readonly networkIds: Iterable<string>;
  /** Whether somebody has the address now: also one who is about to be put on the network, and no record says so yet. */
  readonly isTaken: (networkId: string, address: string) => boolean;
}

export function neighbourFaults(
  instance: string,
  { before, now, networkIds, isTaken }: KnownSandboxes,
  { links, neighbours }: Pick<KernelState, 'links' | 'neighbours'>,
): NeighbourFaults {
  const bridges = new Set([...links.values()].filter(({ kind }) => kind === 'bridge').map(({ index }) => index));
  const on = (records: Iterable<SandboxRecord>) =>
    new Map(
      [...records].flatMap((record) => neighboursOf(instance, record, links)).map((one) => [keyOf(one), one] as const),
    );
  const networkOf = new Map([...networkIds].map((id) => [links.get(bridgeName(instance, id))?.index, id]));
  const isStale = ({ linkIndex, address }: Neighbour) => {
    const networkId = networkOf.get(linkIndex);
    return bridges.has(linkIndex) && (networkId === undefined || !isTaken(networkId, address));
  };
  const present = new Map(neighbours.map((one) => [keyOf(one), one.mac]));
  const ready = on([...now].filter((record) => record.ready));
  return {
    missing: [...on(before)]
      .filter(([key, { mac }]) => ready.get(key)?.mac === mac && present.get(key) !== mac)
      .map(([, neighbour]) => neighbour),
    stale: neighbours.filter(isStale),
  };
}

/** One for each link, in words. */
export function describeNeighbours(missing: readonly Neighbour[], { links }: Pick<KernelState, 'links'>): string[] {
  const names = new Map([...links.values()].map(({ index, name }) => [index, name]));
  return [...Map.groupBy(missing, ({ linkIndex }) => linkIndex)].map(
    ([index, { length }]) => `${length} ${length === 1 ? 'neighbour' : 'neighbours'} of link ${names.get(index)}`,
  );
}

function neighboursOf(instance: string, record: SandboxRecord, links: KernelState['links']): Neighbour[] {
  return vethsOf(record).flatMap(([, attachment]) => {
    const linkIndex = links.get(bridgeName(instance, attachment.networkId))?.index;
    if (linkIndex === undefined) return [];
    return containerNeighbours(attachment).map((neighbour) => ({ ...neighbour, linkIndex }));
  });
}

function keyOf({ linkIndex, address }: Neighbour): string {
  return `${linkIndex} ${address}`;
}
