import { describe, expect, it } from 'vitest';
import { parseSubnet6 } from '../../../proto/ipv6/subnet6.ts';
import { addAddress, addAddress6, parseAddress } from './address.ts';
import {
  attribute,
  nested,
  parseAttributes,
  readNested,
  readString,
  stringAttribute,
  u32Attribute,
} from './attributes.ts';
import { deleteFlow, type Flow, parseFlow } from './conntrack.ts';
import { createBridge, createVeth, deleteLink, disableLinkLocal, parseLink, setHairpin, setLinkUp } from './link.ts';
import { collectReplies, encodeBatch, type Message, parseMessages, type Request } from './message.ts';
import { replaceRedirections } from './nat-rules.ts';
import { parseNeighbour, setForwarding, setNeighbour } from './neighbour.ts';
import { EVERYWHERE, parseRoute, setRoute } from './route.ts';
import { MAIN_TABLE } from './route-messages.ts';
import { deleteRoute6, EVERYWHERE6, parseRoute6, setRoute6 } from './route6.ts';

function sent(request: Request): Message {
  const [message] = parseMessages(encodeBatch([request], 1));
  if (message === undefined) throw new Error('no message');
  return message;
}

function hex(request: Request): string {
  return Buffer.from(request.payload).toString('hex');
}

/** An NLMSG_ERROR as the kernel sends it: error, header of the request, attributes. */
function acknowledgement(sequence: number, errno: number, text?: string): Buffer {
  const payload = Buffer.alloc(20);
  payload.writeInt32LE(-errno, 0);
  const attributes = text === undefined ? Buffer.alloc(0) : stringAttribute(1, text);
  const flags = text === undefined ? 0x100 : 0x300;
  const request = { type: 2, flags, payload: Buffer.concat([payload, attributes]), purpose: '' };
  return encodeBatch([request], sequence);
}

describe('attributes', () => {
  it('are padded to four bytes, with the length of what is in them', () => {
    expect(attribute(3, Buffer.from('abc')).toString('hex')).toBe('0700030061626300');
    expect(u32Attribute(4, 1500).toString('hex')).toBe('08000400dc050000');
    expect(stringAttribute(3, 'eth0').toString('hex')).toBe('090003006574683000000000');
  });

  it('nest', () => {
    const parsed = parseAttributes(nested(18, stringAttribute(1, 'veth'), u32Attribute(2, 7)));
    const inner = readNested(parsed, 18);
    expect(readString(inner.get(1) ?? Buffer.alloc(0))).toBe('veth');
    expect(inner.get(2)?.readUInt32LE()).toBe(7);
  });

  it('that are cut short are left out', () => {
    const bytes = Buffer.concat([u32Attribute(1, 5), u32Attribute(2, 6).subarray(0, 6)]);
    expect([...parseAttributes(bytes).keys()]).toEqual([1]);
    expect([...parseAttributes(Buffer.of(2, 0, 1, 0)).keys()]).toEqual([]);
  });
});

describe('messages', () => {
  const request = (type: number): Request => ({ type, flags: 4, payload: Buffer.of(1, 2, 3), purpose: 'x' });

  it('are numbered and padded', () => {
    const batch = encodeBatch([request(16), request(17)], 40);
    expect(batch).toHaveLength(40);
    expect(parseMessages(batch).map(({ type, sequence, flags }) => [type, sequence, flags])).toEqual([
      [16, 40, 5],
      [17, 41, 5],
    ]);
  });

  it('come back by request, errors with what the kernel says about them', () => {
    const answer = encodeBatch([{ type: 16, flags: 0, payload: Buffer.of(9, 9, 9, 9), purpose: '' }], 8);
    const datagrams = [acknowledgement(7, 17, 'Link exists'), answer, acknowledgement(8, 0), acknowledgement(99, 1)];
    const [first, second] = collectReplies(datagrams, 7, 2);
    expect(first).toMatchObject({ errno: 17, text: 'Link exists', messages: [] });
    expect(second).toMatchObject({ errno: 0, text: '' });
    expect(second?.messages.map(({ payload }) => payload.toString('hex'))).toEqual(['09090909']);
  });

  it('of a dump that failed say so at its end', () => {
    const done = Buffer.alloc(4);
    done.writeInt32LE(-4);
    const datagram = encodeBatch([{ type: 3, flags: 0, payload: done, purpose: '' }], 1);
    expect(collectReplies([datagram], 1, 1)[0]?.errno).toBe(4);
  });

  it('that are cut short are left out', () => {
    expect(parseMessages(encodeBatch([request(16)], 1).subarray(0, 17))).toEqual([]);
  });
});

describe('links', () => {
  const veth = {
    name: 'gtabcdv0',
    alias: 'gantry container web',
    mtu: 1450,
    master: 7,
    peer: { name: 'eth0', mac: '02:42:0a:00:00:02', netnsFd: 21 },
  };

  it('are read back as they were written', () => {
    expect(parseLink(sent(createVeth(veth)))).toEqual({
      index: 0,
      name: 'gtabcdv0',
      alias: 'gantry container web',
      kind: 'veth',
      up: false,
      mtu: 1450,
      mac: '',
      master: 7,
      isRootedElsewhere: false,
    });
    const bridge = { name: 'gtabcdb0', alias: 'n', mac: '02:42:0a:00:00:01', mtu: 1500 };
    expect(parseLink(sent(createBridge(bridge)))).toMatchObject({ kind: 'bridge', mac: bridge.mac, mtu: 1500 });
    expect(parseLink(sent(setLinkUp('gtabcdb0')))).toMatchObject({ name: 'gtabcdb0', up: true });
    expect(parseLink(sent(deleteLink('gtabcdb0')))).toMatchObject({ name: 'gtabcdb0' });
  });

  it('make both ends of a veth pair in one request, the far one in its namespace', () => {
    const attributes = parseAttributes(sent(createVeth(veth)).payload.subarray(16));
    const peer = readNested(readNested(attributes, 18), 2).get(1) ?? Buffer.alloc(0);
    const far = parseAttributes(peer.subarray(16));
    expect(readString(far.get(3) ?? Buffer.alloc(0))).toBe('eth0');
    expect(far.get(1)?.toString('hex')).toBe('02420a000002');
    expect(far.get(28)?.readUInt32LE()).toBe(21);
    expect(far.get(4)?.readUInt32LE()).toBe(1450);
  });

  it('are changed by name', () => {
    expect(sent(disableLinkLocal('eth0')).type).toBe(19);
    expect(hex(disableLinkLocal('eth0'))).toContain('0c000a8005000800');
    expect(sent(setHairpin('v')).flags).toBe(5);
    expect(hex(setHairpin('v'))).toContain('0b000400627269646765');
  });
});

describe('addresses, neighbours and routes', () => {
  const address = { linkIndex: 2, linkName: 'eth0', address: '10.1.2.3', prefixLength: 24, broadcast: '10.1.2.255' };

  it('encode addresses in network byte order', () => {
    expect(parseAddress(sent(addAddress(address)))).toEqual({ linkIndex: 2, address: '10.1.2.3', prefixLength: 24 });
    expect(hex(addAddress(address))).toContain('080002000a010203');
    expect(hex(addAddress(address))).toContain('080004000a0102ff');
  });

  it('read neighbours and forwarding entries as they are written', () => {
    const neighbour = { linkIndex: 2, address: '10.1.2.9', mac: '02:42:0a:01:02:09' };
    for (const write of [setNeighbour, setForwarding]) {
      expect(hex(write(neighbour))).toContain('080001000a010209');
      expect(parseNeighbour(sent(write(neighbour)))).toEqual(neighbour);
    }
  });

  it('leave out what is not IPv4', () => {
    const message = sent(addAddress(address));
    message.payload.writeUInt8(28, 0);
    expect(parseAddress(message)).toBeUndefined();
  });

  it('are of IPv6, too', () => {
    const six = { linkIndex: 2, address: 'fd00:1::2', prefixLength: 64 };
    expect(parseAddress(sent(addAddress6({ ...six, linkName: 'eth0' })))).toEqual(six);
    // IFA_F_NODAD
    expect(hex(addAddress6({ ...six, linkName: 'eth0' }))).toContain('0800080002000000');
    for (const [destination, gateway] of [
      [EVERYWHERE6, 'fd00:1::1'],
      [parseSubnet6('fd00:2::/64'), undefined],
    ] as const) {
      const route = { destination, gateway, linkIndex: 2 };
      const request = setRoute6({ ...route, isGatewayOnLink: false });
      expect(parseRoute6(sent(request))).toEqual({ ...route, table: MAIN_TABLE });
      expect(parseRoute(sent(request))).toBeUndefined();
    }
    const block = { destination: parseSubnet6('fd00:2::40/122'), gateway: 'fe80::1', linkIndex: 2 };
    const deletion = deleteRoute6({ ...block, isGatewayOnLink: true });
    expect(parseRoute6(sent(deletion))).toEqual({ ...block, table: MAIN_TABLE });
    // RTNH_F_ONLINK
    expect(Buffer.from(deletion.payload).readUInt32LE(8)).toBe(4);
    const neighbour = { linkIndex: 2, address: 'fe80::42:aff:fe00:1', mac: '02:42:0a:00:00:01' };
    expect(parseNeighbour(sent(setNeighbour(neighbour)))).toEqual(neighbour);
  });

  it('read routes', () => {
    const message = sent(
      setRoute({ destination: EVERYWHERE, gateway: '10.1.2.1', isGatewayOnLink: false, linkIndex: 5 }),
    );
    expect(parseRoute(message)).toEqual({
      destination: { base: 0, prefixLength: 0 },
      gateway: '10.1.2.1',
      linkIndex: 5,
      table: MAIN_TABLE,
    });
    message.payload.writeUInt8(10, 0);
    expect(parseRoute(message)).toBeUndefined();
  });
});

describe('connections', () => {
  const flow: Flow = {
    original: { protocol: 17, source: '10.0.0.9', sourcePort: 4000, destination: '192.0.2.1', destinationPort: 53 },
    reply: { protocol: 17, source: '10.0.0.9', sourcePort: 4000, destination: '192.0.2.1', destinationPort: 53 },
  };

  it('are read back as they were written', () => {
    const { type, flags, sequence, payload } = sent(deleteFlow(flow));
    // As in a dump, where the reply's tuple follows; here it is the same one.
    const reply = Buffer.from(payload.subarray(4));
    reply.writeUInt16LE(2 | 0x8000, 2);
    expect(parseFlow({ type, flags, sequence, payload: Buffer.concat([payload, reply]) })).toEqual(flow);
  });

  it('without ports are left out', () => {
    expect(parseFlow({ type: 0, flags: 0, sequence: 0, payload: Buffer.alloc(4) })).toBeUndefined();
  });
});

describe('redirections', () => {
  it('are one batch, with begin and end', () => {
    const requests = replaceRedirections('t', [{ protocol: 17, address: '127.0.0.11', port: 53, toPort: 40_000 }]);
    expect(requests.map(({ type }) => type)).toEqual([16, 0xa00, 0xa03, 0xa08, 0xa06, 17]);
    expect(requests.map(({ flags }) => (flags & 4) !== 0)).toEqual([false, true, true, true, true, false]);
    const [begin] = requests;
    expect(Buffer.from(begin?.payload ?? []).toString('hex')).toBe('0000000a');
  });

  it('compare address, protocol and port, and rewrite to the same address', () => {
    const [, , , , rule] = replaceRedirections('t', [{ protocol: 6, address: '127.0.0.11', port: 53, toPort: 40_000 }]);
    const text = Buffer.from(rule?.payload ?? []).toString('hex');
    expect(text.split('7f00000b')).toHaveLength(3);
    expect(text).toContain('060001000035');
    expect(text).toContain('060001009c40');
    expect(text).toContain('0500010006');
  });
});
