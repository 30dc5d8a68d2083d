import { describe, expect, it } from 'vitest';
import { bridgeName } from '../link-names.ts';
import { createBridge, parseLink } from '../netlink/link.ts';
import { encodeBatch, parseMessages } from '../netlink/message.ts';
import type { Neighbour } from '../netlink/neighbour.ts';
import type { SandboxRecord } from '../sandbox-record.ts';
import { sandboxRequest } from '../testing/lab.ts';
import { describeNeighbours, neighbourFaults } from './neighbour-healing.ts';

const NAME = bridgeName('lab', 'front');
const BRIDGE = 7;
const VXLAN = 8;

/** On one network, with 10.1.0.N. */
function sandbox(number: number, more: Partial<SandboxRecord> = {}): SandboxRecord {
  const attachment = { networkId: 'front', networkName: 'front', address: `10.1.0.${number}`, aliases: [] };
  return { request: sandboxRequest(`c${number}`), attachments: [attachment], ports: [], ready: true, ...more };
}

function at(number: number, more: Partial<Neighbour> = {}): Neighbour {
  return { linkIndex: BRIDGE, address: `10.1.0.${number}`, mac: `02:42:0a:01:00:0${number}`, ...more };
}

function kernel(...neighbours: readonly Neighbour[]) {
  const [message] = parseMessages(encodeBatch([createBridge({ name: NAME, alias: '', mac: '', mtu: 1500 })], 1));
  if (message === undefined) throw new Error('no message');
  return { links: new Map([[NAME, { ...parseLink(message), index: BRIDGE }]]), neighbours };
}

/** Addresses are taken by those who are there now, unless it is said which are. */
function known(before: readonly SandboxRecord[], now: readonly SandboxRecord[], taken = addressesIn(now)) {
  const isTaken = (networkId: string, address: string) => networkId === 'front' && taken.includes(address);
  return { before, now, networkIds: ['front'], isTaken };
}

function addressesIn(sandboxes: readonly SandboxRecord[]): string[] {
  return sandboxes.flatMap(({ attachments }) => attachments.map(({ address }) => address));
}

function faults(
  before: readonly SandboxRecord[],
  now: readonly SandboxRecord[],
  ...neighbours: readonly Neighbour[]
): ReturnType<typeof neighbourFaults> {
  return neighbourFaults('lab', known(before, now), kernel(...neighbours));
}

describe('neighbours on a bridge', () => {
  const [one, two] = [sandbox(1), sandbox(2)];

  it('are right where each container has its own, and nobody else', () => {
    expect(faults([one, two], [one, two], at(1), at(2))).toEqual({ missing: [], stale: [] });
    expect(faults([], [], at(1, { linkIndex: VXLAN }))).toEqual({ missing: [], stale: [] });
  });

  it('are missing where there are none, or under another MAC address', () => {
    const { missing, stale } = faults([one, two], [one, two], at(2, { mac: '02:00:00:00:00:99' }));
    expect({ missing, stale }).toEqual({ missing: [at(1), at(2)], stale: [] });
    expect(describeNeighbours(missing, kernel())).toEqual([`2 neighbours of link ${NAME}`]);
  });

  it('of a container that is gone are stale', () => {
    expect(faults([two], [two], at(1), at(2))).toEqual({ missing: [], stale: [at(1)] });
  });

  it('of a container that comes or goes meanwhile are let be', () => {
    const leaving = sandbox(1, { ready: false });
    expect(faults([one], [leaving])).toEqual({ missing: [], stale: [] });
    expect(faults([one], [leaving], at(1))).toEqual({ missing: [], stale: [] });
    expect(faults([one], [])).toEqual({ missing: [], stale: [] });
    expect(faults([], [one])).toEqual({ missing: [], stale: [] });
    expect(faults([one], [sandbox(1, { attachments: [] })])).toEqual({ missing: [], stale: [] });
  });

  it('of a container that is being put on the network are let be, though its record doesn’t say so yet', () => {
    const elsewhere = sandbox(1, { attachments: [] });
    const joining = known([elsewhere], [elsewhere], ['10.1.0.1']);
    expect(neighbourFaults('lab', joining, kernel(at(1), at(2)))).toEqual({ missing: [], stale: [at(2)] });
  });

  it('of a network that is no more are stale', () => {
    const gone = { ...known([], [], ['10.1.0.1']), networkIds: [] };
    expect(neighbourFaults('lab', gone, kernel(at(1)))).toEqual({ missing: [], stale: [at(1)] });
  });

  it('aren’t missing on a bridge that isn’t there', () => {
    const links = new Map();
    expect(neighbourFaults('lab', known([one], [one]), { links, neighbours: [] }).missing).toEqual([]);
  });
});
