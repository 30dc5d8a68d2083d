/**
 * gc_thresh2 and gc_thresh3 of net.ipv4.neigh.default and net.ipv6.neigh.default: how much the kernel learns by ARP and neighbour
 * discovery, in all network namespaces together. Of hosts and containers that reach each other by way of a gateway of ours
 * it learns nothing (neighbours.ts), but of containers that call each other on a bridge it does, twice for each pair: the
 * 1,024 that are usual are few. Raised at the start, and set back at shutdown if it was us who raised them; a mark on
 * disk remembers that across restarts and crashes. gc_thresh1 is left: what nobody uses goes as soon as it always has.
 */
import type { HostLinks } from './host-links.ts';
import { type NeighbourTable, setNeighbourTable } from './netlink/neighbour-table.ts';
import { isNetlinkError } from './netlink/socket.ts';
import type { NetworkStore } from './store.ts';

/** What is usual on hosts with many containers. An entry takes some 400 bytes, once it is there. */
export const ENOUGH: Omit<NeighbourTable, 'name'> = { soft: 32_768, hard: 65_536 };

type Links = Pick<HostLinks, 'neighbourTables' | 'run'>;
type Store = Pick<NetworkStore, 'readNeighbourLimits' | 'writeNeighbourLimits' | 'removeNeighbourLimits'>;

/** Never lowers one. */
export async function raiseNeighbourLimits(links: Links, store: Store): Promise<void> {
  const low = (await links.neighbourTables()).filter((table) => !isSame(table, raised(table)));
  if (low.length === 0) return;
  const before = (await store.readNeighbourLimits()) ?? [];
  // The mark first: after a crash between the two, limits that aren't ours stay as they are.
  await store.writeNeighbourLimits([...before.filter((one) => !low.some(({ name }) => name === one.name)), ...low]);
  try {
    await links.run(low.map(raised).map(setNeighbourTable), []);
  } catch (error) {
    // They are the initial network namespace's to raise; where they are too low, `network doctor` says so.
    if (!isNetlinkError(error, 'ENOENT', 'EPERM')) throw error;
  }
}

export async function restoreNeighbourLimits(links: Links, store: Store): Promise<void> {
  const before = await store.readNeighbourLimits();
  if (before === undefined) return;
  const now = await links.neighbourTables();
  const ours = before.filter((table) => now.some((one) => isSame(one, raised(table))));
  await links.run(ours.map(setNeighbourTable), []);
  await store.removeNeighbourLimits();
}

function raised({ name, soft, hard }: NeighbourTable): NeighbourTable {
  return { name, soft: Math.max(soft, ENOUGH.soft), hard: Math.max(hard, ENOUGH.hard) };
}

function isSame(a: NeighbourTable, b: NeighbourTable): boolean {
  return a.name === b.name && a.soft === b.soft && a.hard === b.hard;
}
