/** What is wrong between nodes, from what each has counted and said of itself. Pure. */
import type { NetworkFinding, ReceivedProbes } from '../../proto/generated/gantry/v1/engine.ts';

export interface CheckedNode {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  /** Of the link that has the address; 0: none has it. */
  readonly mtu: number;
  /** From this manager's clock. */
  readonly clockDifferenceMs: number;
  /** From each other node that could be checked. */
  readonly received: readonly ReceivedProbes[];
}

/** Certificates allow for two hours; logs and histories are hard to read long before. */
const CLOCK_LIMIT_MS = 5000;

export function findingsBetween(nodes: readonly CheckedNode[]): NetworkFinding[] {
  return [...probes(nodes), ...mtus(nodes), ...clocks(nodes)];
}

function probes(nodes: readonly CheckedNode[]): NetworkFinding[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return nodes.flatMap((to) =>
    to.received.flatMap(({ nodeId, small, large }) => {
      const from = byId.get(nodeId);
      return from === undefined ? [] : probe(from, to, small, large);
    }),
  );
}

function probe(from: CheckedNode, to: CheckedNode, small: number, large: number): NetworkFinding[] {
  const way = { node: from.name, peer: to.name };
  if (small === 0) {
    return [
      {
        ...way,
        subject: 'udp',
        message: `UDP port 4789 of ${to.address} gets nothing from ${from.address}`,
        hint: `let the firewall of ${to.name}, and what is between the hosts, pass UDP port 4789`,
      },
    ];
  }
  if (large > 0) return [];
  return [
    {
      ...way,
      subject: 'mtu',
      message: `packets of ${from.mtu} bytes, the MTU of ${from.name}, don't reach ${to.name}`,
      hint: 'give all links between the hosts the same MTU, or the lowest one to those of the hosts',
    },
  ];
}

/** They get through one way at least where the links differ. */
function mtus(nodes: readonly CheckedNode[]): NetworkFinding[] {
  const known = nodes.filter(({ mtu }) => mtu > 0);
  const most = Math.max(...known.map(({ mtu }) => mtu));
  return known
    .filter(({ mtu }) => mtu < most)
    .map(({ name, mtu, address }) => ({
      node: name,
      peer: '',
      subject: 'mtu',
      message: `its link with ${address} has MTU ${mtu}, others have ${most}`,
      hint: `give it ${most} as well, or all others ${mtu}, and restart gantryd`,
    }));
}

function clocks(nodes: readonly CheckedNode[]): NetworkFinding[] {
  return nodes
    .filter(({ clockDifferenceMs }) => Math.abs(clockDifferenceMs) > CLOCK_LIMIT_MS)
    .map(({ name, clockDifferenceMs }) => ({
      node: name,
      peer: '',
      subject: 'clock',
      message: `its clock is ${seconds(clockDifferenceMs)} ${clockDifferenceMs > 0 ? 'ahead of' : 'behind'} the manager's`,
      hint: 'let both hosts set their clocks by NTP: chrony or systemd-timesyncd',
    }));
}

function seconds(milliseconds: number): string {
  return `${Math.round(Math.abs(milliseconds) / 1000)} s`;
}

/**
 * How far a clock, that was read at some time between these two of ours, is certainly ahead of ours, in milliseconds; behind it:
 * negative. A host that takes seconds for its answer isn't one whose clock is wrong.
 */
export function clockDifference(readMs: number, askedMs: number, answeredMs: number): number {
  return readMs - Math.min(Math.max(readMs, askedMs), answeredMs);
}
