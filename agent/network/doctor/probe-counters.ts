/**
 * Counts the probes that reach this host's VXLAN. The kernel owns UDP port 4789 and drops packets of a VNI that it doesn't
 * have without a word: so they are counted by a rule behind every other one of the input hook, where nothing but that
 * port comes any more.
 */
import type { CheckedPeer, ReceivedProbes } from '../../../proto/generated/gantry/v1/engine.ts';
import { VXLAN_PORT } from '../network-record.ts';
import { runNft } from '../nft.ts';
import { listTable, listTables, type NftObject } from './nft-listing.ts';

/** Behind all that firewalls use. */
const LAST = 10_000;
/** Probes are of some 50 bytes, or as large as a link carries. */
const LARGE_BYTES = 200;

export interface ProbeCounters {
  readonly table: string;
  readonly peers: readonly CheckedPeer[];
}

/** `id`: [a-z0-9]+, unique on this host. */
export async function openProbeCounters(
  instance: string,
  id: string,
  vni: number,
  peers: readonly CheckedPeer[],
): Promise<ProbeCounters> {
  const counters = { table: `${prefix(instance)}${id}`, peers };
  await runNft(renderCounters(counters, vni));
  return counters;
}

/** Where the VNI is in a UDP packet: behind the UDP header, flags and three reserved bytes (RFC 7348, 5). */
const VNI_OFFSET_BITS = 8 * (8 + 4);

export function renderCounters({ table, peers }: ProbeCounters, vni: number): string {
  const rules = peers.flatMap(({ address }, index) => {
    const probe = `ip saddr ${address} udp dport ${VXLAN_PORT} @th,${VNI_OFFSET_BITS},24 ${vni}`;
    return [
      `    ${probe} udp length < ${LARGE_BYTES} counter name "small${index}"`,
      `    ${probe} udp length >= ${LARGE_BYTES} counter name "large${index}"`,
    ];
  });
  return [
    `table ip ${table} {`,
    ...peers.flatMap((_, index) => [`  counter small${index} { }`, `  counter large${index} { }`]),
    '  chain input {',
    `    type filter hook input priority ${LAST}; policy accept;`,
    ...rules,
    '  }',
    '}',
    '',
  ].join('\n');
}

export async function readProbeCounters({ table, peers }: ProbeCounters): Promise<ReceivedProbes[]> {
  const packets = packetsByCounter(await listTable({ family: 'ip', name: table }));
  return peers.map(({ nodeId }, index) => ({
    nodeId,
    small: packets.get(`small${index}`) ?? 0,
    large: packets.get(`large${index}`) ?? 0,
  }));
}

export function packetsByCounter(objects: readonly NftObject[]): Map<string, number> {
  return new Map(objects.flatMap(({ counter }) => (counter ? [[String(counter.name), Number(counter.packets)]] : [])));
}

export async function closeProbeCounters({ table }: Pick<ProbeCounters, 'table'>): Promise<void> {
  await runNft(`table ip ${table}\ndelete table ip ${table}\n`);
}

/** Of checks that a crash has cut off. */
export async function removeStaleProbes(instance: string): Promise<void> {
  for (const { name } of await listTables()) {
    if (name.startsWith(prefix(instance))) await closeProbeCounters({ table: name });
  }
}

function prefix(instance: string): string {
  return `gantry-check-${instance}-`;
}
