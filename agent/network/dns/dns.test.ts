import { createHash } from 'node:crypto';
import * as packet from 'dns-packet';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { AttachedContainer } from '../../../proto/generated/gantry/v1/dispatcher.ts';
import { ServiceEndpoints } from '../../../proto/generated/gantry/v1/types.ts';
import { parseSubnet6 } from '../../../proto/ipv6/subnet6.ts';
import { parseSubnet } from '../subnet.ts';
import { sandboxRequest } from '../testing/lab.ts';
import { type Asker, decide, RCODE } from './decide.ts';
import { Forwarder } from './forwarder.ts';
import { buildNameTable, lookupAddress, lookupName } from './name-table.ts';
import { Resolver, shuffle } from './resolver.ts';
import { answers, encodeAnswer, encodeFailure, FrameReader, frame, parseQuery, udpLimit, withId } from './wire.ts';

const networks = [
  { id: 'f', name: 'shop_front', overlay: undefined, subnet: '10.1.0.0/24', cluster: true },
  {
    ...{ id: 'b', name: 'shop_back', overlay: { vni: 5000, nodeAddress: '192.0.2.1' } },
    ...{ subnet: '10.2.0.0/24', cluster: true },
  },
];
const web = ServiceEndpoints.fromPartial({
  serviceId: 's1',
  serviceName: 'shop_web',
  networks: [{ target: 'f', aliases: ['web'] }, { target: 'elsewhere' }],
  endpoints: [
    { slot: 1, containerName: 'shop_web.1.x', addresses: [{ networkId: 'f', address: '10.1.0.2' }] },
    { slot: 2, containerName: 'shop_web.2.y', addresses: [{ networkId: 'f', address: '10.1.0.3' }] },
  ],
});
const db = ServiceEndpoints.fromPartial({ serviceName: 'shop_db', networks: [{ target: 'b', aliases: ['db'] }] });
const box = {
  request: sandboxRequest('c1', { names: ['web-1', 'c1'] }),
  attachments: [
    { networkId: 'f', networkName: 'shop_front', address: '10.1.0.9', ipv6: 'fd00:1::9', aliases: ['web', 'extra'] },
    { networkId: 'b', networkName: 'shop_back', address: '10.2.0.9', aliases: ['extra'] },
  ],
  ports: [],
  ready: true,
};
/** On another node. */
const far = AttachedContainer.fromPartial({
  networkId: 'f',
  nodeId: 'n2',
  containerId: 'c2',
  names: ['cache', 'c2', 'extra', 'web', 'web-1'],
  addresses: ['10.1.0.70'],
});
const table = buildNameTable(networks, [web, db], [box], [far]);

function asker(networkIds: readonly string[], more: Partial<Asker> = {}): Asker {
  return {
    tables: networkIds.flatMap((id) => table.get(id) ?? []),
    subnets: [parseSubnet('10.1.0.0/24')],
    subnets6: [parseSubnet6('fd00:1::/64')],
    forwards: true,
    choseNdots: false,
    ...more,
  };
}

function ask(name: string, type: packet.RecordType = 'A', who = asker(['f'])) {
  const decision = decide({ name, type }, who, (items) => [...items]);
  if (decision.kind === 'forward') return 'forward';
  return {
    rcode: decision.rcode,
    data: decision.answers.map((answer) => ('data' in answer ? answer.data : undefined)),
  };
}

describe('names', () => {
  const endpoints = ['10.1.0.2', '10.1.0.3'];

  it("of a service stand for its own address, where it has one and the network spans nodes, and those of its tasks don't", () => {
    const virtualIps = [
      { networkId: 'f', address: '10.1.0.200' },
      { networkId: 'b', address: '10.2.0.200' },
    ];
    const both = { ...web, virtualIps, networks: [...web.networks, { target: 'b', aliases: ['web'] }] };
    const [endpoint] = both.endpoints;
    if (endpoint === undefined) throw new Error('no endpoint');
    const addresses = [...endpoint.addresses, { networkId: 'b', address: '10.2.0.2' }];
    const names = buildNameTable(networks, [{ ...both, endpoints: [{ ...endpoint, addresses }] }], [], []);
    const tables = (id: string) => [names.get(id)].flatMap((one) => one ?? []);
    expect(lookupName(tables('f'), 'web')).toEqual(['10.1.0.2']);
    for (const name of ['web', 'shop_web', 'web.shop_back'])
      expect(lookupName(tables('b'), name)).toEqual(['10.2.0.200']);
    for (const name of ['tasks.web', 'tasks.shop_web', 'shop_web.1']) {
      expect(lookupName(tables('b'), name)).toEqual(['10.2.0.2']);
    }
    const nobody = buildNameTable(networks, [{ ...both, endpoints: [] }], [], []);
    expect(
      lookupName(
        [nobody.get('b')].flatMap((one) => one ?? []),
        'web',
      ),
    ).toEqual([]);
  });

  it.each([
    ['web', endpoints],
    ['shop_web', endpoints],
    ['tasks.web', endpoints],
    ['tasks.shop_web', endpoints],
    ['Web.Shop_Front', endpoints],
    ['tasks.web.shop_front', endpoints],
    ['shop_web.1', ['10.1.0.2']],
    ['web.2', ['10.1.0.3']],
    ['shop_web.2.y', ['10.1.0.3']],
    ['c1', ['10.1.0.9']],
    ['cache', ['10.1.0.70']],
    ['cache.shop_front', ['10.1.0.70']],
    ['c2', ['10.1.0.70']],
  ])('%s is known', (name, data) => {
    expect(ask(name)).toEqual({ rcode: RCODE.NOERROR, data });
  });

  it('of a service belong to its endpoints: a container cannot add itself, on this node or another', () => {
    expect(lookupName([...table.values()], 'web')).toEqual(endpoints);
  });

  it('that containers have in common stand for all of them, wherever they are', () => {
    for (const name of ['web-1', 'extra']) expect(ask(name)).toMatchObject({ data: ['10.1.0.9', '10.1.0.70'] });
    expect(ask('cache', 'A', asker(['b']))).toBe('forward');
  });

  it('are answered by the first network that is shared, and by no other', () => {
    expect(ask('extra', 'A', asker(['f', 'b']))).toEqual({ rcode: 0, data: ['10.1.0.9', '10.1.0.70'] });
    expect(ask('extra', 'A', asker(['b', 'f']))).toEqual({ rcode: 0, data: ['10.2.0.9'] });
    expect(ask('web', 'A', asker(['b']))).toBe('forward');
    expect(ask('web.shop_back', 'A', asker(['f', 'b']))).toBe('forward');
  });

  it('of a service without endpoints exist, with no address', () => {
    expect(ask('db', 'A', asker(['b']))).toEqual({ rcode: RCODE.NOERROR, data: [] });
  });

  it('have no address of the other family, but exist', () => {
    expect(ask('web', 'AAAA')).toEqual({ rcode: RCODE.NOERROR, data: [] });
    expect(ask('web', 'TXT')).toEqual({ rcode: RCODE.NOERROR, data: [] });
    expect(ask('c1', 'AAAA', asker(['b']))).toEqual({ rcode: RCODE.NOERROR, data: [] });
  });

  it('have the IPv6 address where they have one', () => {
    expect(ask('c1', 'AAAA')).toEqual({ rcode: RCODE.NOERROR, data: ['fd00:1::9'] });
    expect(ask('c1', 'A')).toEqual({ rcode: RCODE.NOERROR, data: ['10.1.0.9'] });
  });

  it('of containers on other nodes have the IPv6 address that goes with theirs', () => {
    const subnet = 'fd00:1::/64';
    const ipv6 = { subnet, gateway: 'fd00:1::1', range: subnet, hasOwnSubnet: true };
    const known = buildNameTable(
      networks.map((network) => ({ ...network, ipv6 })),
      [],
      [],
      [far],
    );
    expect(lookupName([...known.values()], 'cache')).toEqual(['10.1.0.70', 'fd00:1::46']);
    expect(lookupAddress([...known.values()], 'fd00:1::46')).toBe('cache.shop_front');
  });

  it('that nobody has are asked for elsewhere', () => {
    expect(ask('example.org')).toBe('forward');
    expect(ask('unknown')).toBe('forward');
    expect(ask('unknown', 'A', asker(['f'], { choseNdots: true }))).toEqual({ rcode: RCODE.NOERROR, data: [] });
    expect(ask('example.org', 'A', asker(['f'], { choseNdots: true }))).toBe('forward');
    expect(ask('example.org', 'A', asker(['f'], { forwards: false }))).toEqual({ rcode: RCODE.SERVFAIL, data: [] });
  });
});

/** The name of fd00:1::N. */
function reversed(digit: string): string {
  return `${digit}.${'0.'.repeat(23)}1.0.0.0.0.0.d.f.ip6.arpa`;
}

describe('reverse names', () => {
  it('are those of containers on shared networks', () => {
    expect(ask('2.0.1.10.in-addr.arpa', 'PTR')).toEqual({ rcode: 0, data: ['shop_web.1.x.shop_front'] });
    expect(ask('9.0.1.10.IN-ADDR.ARPA', 'PTR')).toEqual({ rcode: 0, data: ['web-1.shop_front'] });
    expect(ask('70.0.1.10.in-addr.arpa', 'PTR')).toEqual({ rcode: 0, data: ['cache.shop_front'] });
    expect(ask(reversed('9'), 'PTR')).toEqual({ rcode: 0, data: ['web-1.shop_front'] });
    expect(ask(reversed('a').toUpperCase(), 'PTR')).toEqual({ rcode: RCODE.NXDOMAIN, data: [] });
    expect(ask(`1.${'0.'.repeat(31)}ip6.arpa`, 'PTR')).toBe('forward');
    expect(ask('9.ip6.arpa', 'PTR')).toBe('forward');
  });

  it('of our subnets are not asked for elsewhere', () => {
    expect(ask('77.0.1.10.in-addr.arpa', 'PTR')).toEqual({ rcode: RCODE.NXDOMAIN, data: [] });
    expect(ask('1.1.1.1.in-addr.arpa', 'PTR')).toBe('forward');
    expect(ask('x.in-addr.arpa', 'PTR')).toBe('forward');
  });
});

describe('messages', () => {
  const query = packet.encode({
    type: 'query',
    id: 7,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name: 'web', type: 'A' }],
  });

  it('that are no queries get no answer', () => {
    expect(parseQuery(Buffer.alloc(11)).kind).toBe('ignored');
    const response = Buffer.from(query);
    response.writeUInt16BE(0x8100, 2);
    expect(parseQuery(response).kind).toBe('ignored');
  });

  it('that cannot be read are refused under their id', () => {
    const notify = Buffer.from(query);
    notify.writeUInt16BE(0x2000, 2);
    expect(parseQuery(notify)).toEqual({ kind: 'refused', rcode: RCODE.NOTIMP });
    expect(parseQuery(query.subarray(0, 14))).toEqual({ kind: 'refused', rcode: RCODE.FORMERR });
    const failure = packet.decode(encodeFailure(query.subarray(0, 14), RCODE.FORMERR));
    expect(failure).toMatchObject({ id: 7, flag_qr: true, flag_rd: true, rcode: 'FORMERR' });
  });

  it('are cut to what the client takes, and say so', () => {
    const many = Array.from({ length: 100 }, (_, index) => {
      return { type: 'A' as const, name: 'web', ttl: 1, data: `10.1.0.${index}` };
    });
    const parsed = packet.decode(query);
    const cut = encodeAnswer(parsed, RCODE.NOERROR, many, udpLimit(parsed));
    expect(cut.length).toBeLessThanOrEqual(512);
    expect(packet.decode(cut)).toMatchObject({ flag_tc: true, flag_aa: true, id: 7 });
    expect(packet.decode(cut).answers?.length).toBeGreaterThan(10);
    const whole = encodeAnswer(parsed, RCODE.NOERROR, many, 65_535);
    expect(packet.decode(whole)).toMatchObject({ flag_tc: false });
    expect(packet.decode(whole).answers).toHaveLength(100);
  });

  it('with EDNS are answered with EDNS, up to the size that they announce', () => {
    const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flags: 0 };
    const edns = packet.decode(
      packet.encode({
        type: 'query',
        questions: [{ name: 'web', type: 'A' }],
        additionals: [{ ...opt, flag_do: false, options: [] } as packet.OptAnswer],
      }),
    );
    expect(udpLimit(edns)).toBe(1232);
    const reply = packet.decode(encodeAnswer(edns, 0, [], 1232));
    expect(reply.additionals?.map(({ type }) => type)).toEqual(['OPT']);
  });

  it('match their query by id and question, whatever the letter case', () => {
    const reply = packet.encode({ type: 'response', id: 7, questions: [{ name: 'WEB', type: 'A' }] });
    expect(answers(reply, query)).toBe(true);
    expect(answers(withId(reply, 8), query)).toBe(false);
    expect(answers(packet.encode({ type: 'response', id: 7, questions: [{ name: 'bad', type: 'A' }] }), query)).toBe(
      false,
    );
    expect(answers(packet.encode({ type: 'response', id: 7, flags: RCODE.SERVFAIL }), query)).toBe(true);
    expect(answers(query, query)).toBe(false);
    expect(answers(Buffer.alloc(3), query)).toBe(false);
  });

  it('are taken off a TCP stream whole, however they arrive', () => {
    const stream = Buffer.concat([frame(query), frame(Buffer.from('abc'))]);
    const reader = new FrameReader();
    const messages = [...stream].flatMap((byte) => reader.push(Buffer.of(byte)));
    expect(messages.map((message) => message.toString('hex'))).toEqual([query.toString('hex'), '616263']);
    expect(new FrameReader().push(stream)).toHaveLength(2);
  });
});

describe('Resolver', () => {
  const logger = pino({ level: 'silent' });
  const random = (size: number): Buffer => Buffer.alloc(size);
  const resolver = new Resolver(new Forwarder(random, logger), random, logger);
  const context = async () => ({ asker: asker(['f']), upstream: [] });

  it('answers any type of query, known or not', async () => {
    const https = packet.encode({ type: 'query', id: 9, questions: [{ name: 'web', type: 'A' }] });
    https.writeUInt16BE(65, https.length - 4);
    const reply = await resolver.resolve(https, 'udp', context);
    expect(reply?.readUInt16BE(0)).toBe(9);
    expect((reply?.readUInt16BE(2) ?? 0) & 0xf).toBe(RCODE.NOERROR);
  });

  it('says SERVFAIL when there is nobody to ask, or something breaks', async () => {
    const query = packet.encode({ type: 'query', id: 9, questions: [{ name: 'example.org', type: 'A' }] });
    const reply = await resolver.resolve(query, 'udp', context);
    expect(packet.decode(reply ?? Buffer.alloc(0))).toMatchObject({ rcode: 'SERVFAIL' });
    // To this address nobody may connect: as if there were no route.
    const nowhere = async () => ({ asker: asker(['f']), upstream: ['255.255.255.255'] });
    const unreachable = await resolver.resolve(query, 'udp', nowhere);
    expect(packet.decode(unreachable ?? Buffer.alloc(0))).toMatchObject({ rcode: 'SERVFAIL' });
    const broken = await resolver.resolve(query, 'udp', () => Promise.reject(new Error('broken')));
    expect(packet.decode(broken ?? Buffer.alloc(0))).toMatchObject({ rcode: 'SERVFAIL' });
  });
});

describe('shuffle', () => {
  it('keeps all items, in an order that follows from the random bytes', () => {
    let calls = 0;
    const random = (size: number): Buffer => createHash('sha256').update(String(calls++)).digest().subarray(0, size);
    const firsts = new Set<number>();
    for (let round = 0; round < 50; round += 1) {
      const shuffled = shuffle([1, 2, 3], random);
      expect(shuffled.toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
      firsts.add(shuffled[0] ?? 0);
    }
    expect(firsts.size).toBe(3);
  });
});
