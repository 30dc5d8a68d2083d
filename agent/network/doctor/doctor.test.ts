import { describe, expect, it } from 'vitest';
import { CheckedPeer } from '../../../proto/generated/gantry/v1/engine.ts';
import type { NftRule } from '../firewall/passage.ts';
import { localNetwork } from '../network-record.ts';
import type { Attachment } from '../sandbox-record.ts';
import { parseSubnet } from '../subnet.ts';
import { sandboxRequest } from '../testing/lab.ts';
import { closedForwardChains, isClosedInIptables } from './forward-chains.ts';
import { type HostFacts, hasUdpPort, neighbourFacts } from './host-facts.ts';
import { hostFindings } from './host-findings.ts';
import type { NftObject } from './nft-listing.ts';
import { packetsByCounter, renderCounters } from './probe-counters.ts';
import { probe } from './send-probes.ts';

const WELL: HostFacts = {
  prefix: 'gtab12',
  missing: [],
  forwards: true,
  forwards6: true,
  ingressFilter: 2,
  closedChains: [],
  isClosedInIptables: false,
  connections: { count: 10, max: 100 },
  neighbours: [
    { sysctls: 'net.ipv4.neigh.default', hard: 1024, interfaces: 256 },
    { sysctls: 'net.ipv6.neigh.default', hard: 1024, interfaces: 0 },
  ],
  ownAddress: '10.0.0.1',
  underlayMtu: 1500,
  takesVxlan: true,
  networks: [
    { name: 'front', mtu: 1450, overhead: 50 },
    { name: 'back', mtu: 1390, overhead: 110 },
  ],
  wireguard: undefined,
};

const ENCRYPTS = { missing: '', takesPort: true, silent: [] };

const found = (facts: Partial<HostFacts>) => hostFindings({ ...WELL, ...facts });

describe('a host', () => {
  it('is well', () => {
    expect(found({})).toEqual([]);
    expect(found({ wireguard: ENCRYPTS })).toEqual([]);
    expect(found({ wireguard: { ...ENCRYPTS, takesPort: undefined } })).toEqual([]);
    expect(found({ ownAddress: '', underlayMtu: undefined, takesVxlan: false, ingressFilter: undefined })).toEqual([]);
  });

  it.each<[Partial<HostFacts>, string, RegExp]>([
    [{ missing: [{ feature: 'VXLAN', reason: 'EOPNOTSUPP', option: 'CONFIG_VXLAN' }] }, 'kernel', /CONFIG_VXLAN/],
    [{ forwards: false }, 'sysctl', /ip_forward=1/],
    [{ forwards6: false }, 'sysctl', /ipv6.conf.all.forwarding=1/],
    [{ ingressFilter: 1 }, 'sysctl', /rp_filter=2/],
    [{ connections: { count: 95, max: 100 } }, 'sysctl', /nf_conntrack_max=200/],
    [
      { neighbours: [{ sysctls: 'net.ipv6.neigh.default', hard: 1024, interfaces: 257 }] },
      'sysctl',
      /net.ipv6.neigh.default.gc_thresh2=32768 net.ipv6.neigh.default.gc_thresh3=65536/,
    ],
    [{ closedChains: ['inet f fw'] }, 'firewall', /links gtab12\*/],
    [{ isClosedInIptables: true }, 'firewall', /-i gtab12\+/],
    [{ underlayMtu: undefined }, 'mtu', /--advertise-addr/],
    [{ networks: [{ name: 'front', mtu: 1451, overhead: 50 }] }, 'mtu', /restart gantryd/],
    [{ wireguard: { ...ENCRYPTS, missing: 'none' } }, 'kernel', /modprobe wireguard/],
    [{ wireguard: { ...ENCRYPTS, takesPort: false } }, 'udp', /log/],
    [
      { wireguard: { ...ENCRYPTS, silent: [CheckedPeer.create({ address: '10.0.0.2' })] } },
      'udp',
      /pass UDP port 4790/,
    ],
    [{ takesVxlan: false }, 'udp', /log/],
  ])('with %j is told what to do', (facts, subject, hint) => {
    const [finding, ...others] = found(facts);
    expect(others).toEqual([]);
    expect(finding?.subject).toBe(subject);
    expect(finding?.hint).toMatch(hint);
  });

  it('may learn of those of its containers that see each other', async () => {
    const front = { ...localNetwork(parseSubnet('10.1.0.0/24'), 0), id: 'front' };
    const wide = { ...front, id: 'wide', overlay: { vni: 4097, nodeAddress: '10.0.0.1' } };
    const at = (networkId: string, more: Partial<Attachment> = {}): Attachment => {
      return { networkId, networkName: networkId, address: '10.1.0.2', aliases: [], ...more };
    };
    const attachments = [at('front'), at('front', { ipv6: 'fd00::2' }), at('front'), at('wide', { ipv6: 'fd00::3' })];
    const sandbox = { request: sandboxRequest('a'), attachments, ports: [], ready: true };
    const model = {
      networks: new Map([front, wide].map((one) => [one.id, one])),
      sandboxes: new Map([['a', sandbox]]),
    };
    const tables = ['arp_cache', 'ndisc_cache'].map((name) => ({ name, soft: 512, hard: 1024 }));
    expect(await neighbourFacts({ neighbourTables: async () => tables }, model)).toEqual([
      { sysctls: 'net.ipv4.neigh.default', hard: 1024, interfaces: 3 },
      { sysctls: 'net.ipv6.neigh.default', hard: 1024, interfaces: 1 },
    ]);
  });

  it('has a UDP port or not', () => {
    const table = '  sl  local_address rem_address\n 1: 00000000:12B5 00000000:0000 07\n 2: 00000000:0044 0100:12B6\n';
    expect([hasUdpPort(table, 4789), hasUdpPort(table, 4790), hasUdpPort(table, 68)]).toEqual([true, false, true]);
  });
});

const chain = (policy: string) => ({ family: 'ip', table: 't', name: 'fw', type: 'filter', hook: 'forward', policy });
const rule = (expr: NftRule['expr'], comment?: string): NftRule => {
  return { family: 'ip', table: 't', chain: 'fw', handle: 1, expr, ...(comment === undefined ? {} : { comment }) };
};
const link = (key: string, right: string) => ({ match: { op: '==', left: { meta: { key } }, right } });
const accept = { accept: null };
const closed = (policy: string, ...rules: NftRule[]) =>
  closedForwardChains({ chains: [chain(policy)], rules }, 'gantry-x', 'gtab12');

describe('a firewall', () => {
  it('is closed when it drops by default, unless it lets our links pass both ways', () => {
    expect(closed('accept')).toEqual([]);
    expect(closed('drop')).toEqual(['ip t fw']);
    expect(closed('accept', rule([{ reject: {} }]))).toEqual(['ip t fw']);
    expect(closed('drop', rule([accept], 'gantry-x'), rule([accept], 'gantry-x'))).toEqual([]);
    const [from, to] = [link('iifname', 'gtab12*'), link('oifname', 'gt*')];
    expect(closed('drop', rule([from, accept]))).toEqual(['ip t fw']);
    expect(closed('drop', rule([from, accept]), rule([to, accept]))).toEqual([]);
    expect(closed('drop', rule([from, to, accept]))).toEqual(['ip t fw']);
  });

  it('of the older iptables likewise', () => {
    const open = ['-A FORWARD -i gtab12+ -j ACCEPT', '-A FORWARD -o gtab12+ -j ACCEPT'];
    expect(isClosedInIptables('', 'gtab12')).toBe(false);
    expect(isClosedInIptables('-P FORWARD DROP', 'gtab12')).toBe(true);
    expect(isClosedInIptables(['-P FORWARD DROP', ...open].join('\n'), 'gtab12')).toBe(false);
  });
});

describe('probes', () => {
  it('carry their VNI where the rules look for it', () => {
    const packet = probe(0x0a0b0c, 50);
    expect(packet.subarray(0, 8).toString('hex')).toBe('080000000a0b0c00');
    const peers = [CheckedPeer.fromPartial({ address: '10.0.0.2' })];
    expect(renderCounters({ table: 'x', peers }, 0x0a0b0c)).toContain(
      'ip saddr 10.0.0.2 udp dport 4789 @th,96,24 658188 udp length < 200 counter name "small0"',
    );
  });

  it('are counted by name', () => {
    const objects: NftObject[] = [{ metainfo: {} }, { counter: { name: 'small0', packets: 5 } }];
    expect([...packetsByCounter(objects)]).toEqual([['small0', 5]]);
  });
});
