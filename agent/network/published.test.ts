import { describe, expect, it } from 'vitest';
import {
  IngressScope,
  PortConfig,
  PortProtocol,
  PublishMode,
  ServiceEndpoints,
} from '../../proto/generated/gantry/v1/types.ts';
import type { Flow } from './netlink/conntrack.ts';
import { MAIN_TABLE } from './netlink/route-messages.ts';
import { findOverlap } from './network-overlap.ts';
import type { NetworkRecord } from './network-record.ts';
import { listeningInodes } from './port-holder.ts';
import { containerPorts, indexByAddress, ingressPort, ingressPorts, sentOn } from './published.ts';
import type { PublishedPort } from './rules/port-rules.ts';
import type { SandboxRecord } from './sandbox-record.ts';
import { staleFlows } from './stale-flows.ts';
import { parseSubnet } from './subnet.ts';
import { sandboxRequest } from './testing/lab.ts';

function network(id: string, subnet: string, internal = false): NetworkRecord {
  const gateway = subnet.replace(/\.0\/\d+$/, '.1');
  return {
    id,
    name: id,
    driver: 'bridge',
    internal,
    cluster: true,
    subnet,
    gateway,
    blocks: [],
    mtu: 1500,
    createdAtMs: 0,
    overlay: undefined,
  };
}

const networks = new Map(
  [network('in', '10.1.0.0/24', true), network('out', '10.2.0.0/24')].map((record) => [record.id, record]),
);

function sandbox(containerId: string, ...addresses: [string, string][]): SandboxRecord {
  const attachments = addresses.map(([networkId, address]) => ({
    networkId,
    networkName: networkId,
    address,
    aliases: [],
  }));
  const ports = [PortConfig.fromPartial({ targetPort: 80, publishedPort: 8080 })];
  return { request: sandboxRequest(containerId), attachments, ports, ready: true };
}

const both = sandbox('a', ['in', '10.1.0.2'], ['out', '10.2.0.2']);

describe('containerPorts', () => {
  it('lead to the address that the default route goes out from', () => {
    expect(containerPorts(both, networks)).toEqual([
      {
        protocol: 'tcp',
        hostIp: '',
        port: 8080,
        targets: [{ kind: 'container', address: '10.2.0.2', port: 80 }],
        here: [],
      },
    ]);
  });

  it('are none on internal networks', () => {
    expect(containerPorts(sandbox('b', ['in', '10.1.0.3']), networks)).toEqual([]);
  });
});

describe('ingress ports', () => {
  const service = ServiceEndpoints.fromPartial({
    serviceId: 's',
    ports: [
      { targetPort: 80, publishedPort: 8080 },
      { targetPort: 81, publishedPort: 8081, mode: PublishMode.HOST },
      { targetPort: 82, publishedPort: 0 },
    ],
    endpoints: [
      { nodeId: 'own', addresses: [{ networkId: 'in', address: '10.1.0.2' }] },
      { nodeId: 'own', addresses: [{ networkId: 'in', address: '10.1.0.3' }] },
      { nodeId: 'other', addresses: [{ networkId: 'out', address: '10.2.0.99' }] },
      { nodeId: 'gone', addresses: [{ networkId: 'out', address: '10.2.0.98' }] },
    ],
  });

  it('are those in ingress mode that have a number', () => {
    expect(ingressPorts(service).map(({ publishedPort }) => publishedPort)).toEqual([8080]);
  });

  const here = { kind: 'container', address: '10.2.0.2', port: 80 } as const;
  const there = { kind: 'node', address: '192.0.2.2', port: 8080 } as const;
  const local = indexByAddress([both, sandbox('b', ['in', '10.1.0.3'])]);

  it('lead to endpoints on this node that can answer to other hosts, and to other nodes that are known', () => {
    const port = PortConfig.fromPartial({ targetPort: 80, publishedPort: 8080 });
    const surroundings = { networks, local, nodes: new Map([['other', '192.0.2.2']]) };
    expect(ingressPort(service, port, surroundings)).toMatchObject({ targets: [here, there], here: [here] });
  });

  it('lead to addresses of IPv6 when they are of IPv6', () => {
    const port = PortConfig.fromPartial({ hostIp: '::', targetPort: 80, publishedPort: 8080 });
    const attachments = both.attachments.map((one) => ({ ...one, ipv6: `fd00::${one.networkId === 'in' ? 1 : 2}` }));
    const dual = indexByAddress([{ ...both, attachments }]);
    const surroundings = { networks, local: dual, nodes: new Map([['other', '192.0.2.2']]) };
    const here6 = { kind: 'container', address: 'fd00::2', port: 80 };
    const there6 = { kind: 'node', address: 'fd47:616e:7472:7900::c000:202', port: 8080 };
    expect(ingressPort(service, port, surroundings)).toMatchObject({ targets: [here6, there6], here: [here6] });
  });

  it('lead to no other node when they are to stay on the node that they come to', () => {
    const port = PortConfig.fromPartial({ targetPort: 80, publishedPort: 8080 });
    const surroundings = { networks, local, nodes: new Map([['other', '192.0.2.2']]) };
    const scoped = { ...service, ingressScope: IngressScope.LOCAL };
    expect(ingressPort(scoped, port, surroundings)).toMatchObject({ targets: [here], here: [here] });
  });

  it('lead, for what another node sent on, to a task that has just left, and on to another node only without one', () => {
    const targets = [here, there];
    expect(sentOn({ targets, here: [here] }, [], local)).toEqual([here]);
    expect(sentOn({ targets: [there], here: [] }, [here], local)).toEqual([here]);
    expect(sentOn({ targets: [there], here: [] }, [here], new Map())).toEqual([there]);
    expect(sentOn({ targets: [], here: [] }, [], local)).toEqual([]);
  });
});

describe('staleFlows', () => {
  const published = {
    ports: [
      {
        protocol: 'udp',
        hostIp: '',
        port: 53,
        targets: [
          { kind: 'container', address: '10.2.0.2', port: 5353 },
          { kind: 'node', address: '192.0.2.3', port: 53 },
        ],
        here: [],
      } as PublishedPort,
    ],
    isOurs: (address: string) => address.startsWith('10.2.0.') || ['192.0.2.3', '192.0.2.4'].includes(address),
    isPresent: (address: string) => ['10.2.0.2', '10.2.0.3', '192.0.2.3', '192.0.2.4'].includes(address),
    hostAddresses: new Set(['192.0.2.1', '2001:db8::1']),
  };

  function flow(destination: string, port: number, answeredBy: string, from: number, protocol = 17): Flow {
    const client = '198.51.100.9';
    return {
      original: { protocol, source: client, sourcePort: 999, destination, destinationPort: port },
      reply: { protocol, source: answeredBy, sourcePort: from, destination: client, destinationPort: 999 },
    };
  }

  it.each([
    ['goes where the port leads', flow('192.0.2.1', 53, '10.2.0.2', 5353), false],
    ['goes to another node', flow('192.0.2.1', 53, '192.0.2.3', 53), false],
    ['goes to a node without a task', flow('192.0.2.1', 53, '192.0.2.4', 53), true],
    ['goes to a container that is gone', flow('192.0.2.1', 53, '10.2.0.9', 5353), true],
    ['goes to another port of the container', flow('192.0.2.1', 53, '10.2.0.2', 53), true],
    ['goes to a container by a port that is published no more', flow('192.0.2.1', 54, '10.2.0.2', 5353), true],
    ['was taken for the host before the port was published', flow('192.0.2.1', 53, '192.0.2.1', 53), true],
    ['was taken for 127.0.0.1 before', flow('127.0.0.1', 53, '127.0.0.1', 53), true],
    ['is for another port of the host', flow('192.0.2.1', 99, '192.0.2.1', 99), false],
    ['is rewritten by somebody else', flow('192.0.2.1', 54, '203.0.113.5', 54), false],
    ['passes through the host', flow('203.0.113.53', 53, '203.0.113.53', 53), false],
    ['is TCP', flow('192.0.2.1', 53, '10.2.0.9', 5353, 6), false],
  ])('a flow that %s', (_, candidate, isStale) => {
    expect(staleFlows([candidate], published)).toEqual(isStale ? [candidate] : []);
  });

  it.each([
    ['goes where the port leads', flow('192.0.2.1', 53, '10.2.0.2', 5353, 132), false],
    ['goes to a task that is ending', flow('192.0.2.1', 53, '10.2.0.3', 5353, 132), false],
    ['goes to a node without a task', flow('192.0.2.1', 53, '192.0.2.4', 53, 132), false],
    ['goes to a container that is gone', flow('192.0.2.1', 53, '10.2.0.9', 5353, 132), true],
    ['was taken for the host before the port was published', flow('192.0.2.1', 53, '192.0.2.1', 53, 132), true],
  ])('an association that %s', (_, candidate, isStale) => {
    const ports = published.ports.map((port) => ({ ...port, protocol: 'sctp' as const }));
    expect(staleFlows([candidate], { ...published, ports })).toEqual(isStale ? [candidate] : []);
  });

  it('keeps the families apart', () => {
    const stray = flow('2001:db8::1', 53, '2001:db8::1', 53);
    expect(staleFlows([stray], published)).toEqual([]);
    const ports = published.ports.map((port) => ({ ...port, hostIp: '::' }));
    expect(staleFlows([stray], { ...published, ports })).toEqual([stray]);
    expect(staleFlows([flow('192.0.2.1', 53, '192.0.2.1', 53)], { ...published, ports })).toEqual([]);
  });

  it('knows ports on one address', () => {
    const ports = published.ports.map((port) => ({ ...port, hostIp: '192.0.2.7' }));
    const toOther = flow('192.0.2.1', 53, '192.0.2.1', 53);
    expect(staleFlows([toOther], { ...published, ports })).toEqual([]);
  });
});

describe('findOverlap', () => {
  const route = (destination: string, gateway?: string) => ({
    destination: parseSubnet(destination),
    gateway,
    linkIndex: 2,
    table: MAIN_TABLE,
  });
  const wanted = network('new', '10.5.0.0/16');

  it.each([
    ['the default route', route('0.0.0.0/0', '192.0.2.1'), false],
    ['a wider route through a gateway', route('10.0.0.0/8', '192.0.2.1'), false],
    ['a wider route to neighbours', route('10.0.0.0/8'), true],
    ['a route into the subnet', route('10.5.7.0/24', '192.0.2.1'), true],
    ['the same route', route('10.5.0.0/16', '192.0.2.1'), true],
    ['a route elsewhere', route('10.6.0.0/16'), false],
  ])('%s', (_, candidate, isInTheWay) => {
    expect(findOverlap(wanted, [], [candidate]) !== undefined).toBe(isInTheWay);
  });

  it('names the other network', () => {
    expect(findOverlap(wanted, [network('old', '10.5.9.0/24')], [])).toMatchObject({
      code: 'CONFLICT',
      message: 'subnet 10.5.0.0/16 of network new overlaps network old (10.5.9.0/24)',
    });
  });
});

describe('listeningInodes', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1001 1',
    '   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 1002 1',
    '   2: 00000000:1F91 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1003 2',
  ].join('\n');

  it('finds listening TCP sockets and unconnected UDP sockets', () => {
    expect(listeningInodes(table, 'tcp', 8080)).toEqual(['1001']);
    expect(listeningInodes(table, 'udp', 8081)).toEqual(['1003']);
    expect(listeningInodes(table, 'tcp', 8081)).toEqual([]);
    expect(PortProtocol.UDP).toBe(1);
  });
});
