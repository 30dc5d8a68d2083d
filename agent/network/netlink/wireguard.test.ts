import { describe, expect, it } from 'vitest';
import {
  attribute,
  nested,
  parseAttributes,
  parseList,
  u8Attribute,
  u16Attribute,
  u32Attribute,
} from './attributes.ts';
import { encodeBatch, type Message, parseMessages } from './message.ts';
import { changePeers, type PeerChange, parseWireguard, setKeyAndPort } from './wireguard.ts';

const FAMILY = 0x1f;
const KEY = Buffer.alloc(32, 7);
const keyOf = (number: number) => Buffer.alloc(32, number).toString('base64');
const peer = (number: number) => {
  const address = `198.51.100.${number}`;
  return { publicKey: keyOf(number), address, endpoint: { address, port: 4790 } };
};

function message(...attributes: readonly Buffer[]): Message {
  const payload = Buffer.concat([Buffer.of(0, 1, 0, 0), ...attributes]);
  const [first] = parseMessages(encodeBatch([{ type: FAMILY, flags: 0, payload, purpose: '' }], 1));
  if (first === undefined) throw new Error('no message');
  return first;
}

describe('what WireGuard is told', () => {
  it('is its key and port, by name', () => {
    const { type, payload } = setKeyAndPort(FAMILY, 'wg', KEY, 4790);
    expect(type).toBe(FAMILY);
    // linux/wireguard.h: command 1, version 1; then WGDEVICE_A_IFNAME, _PRIVATE_KEY and _LISTEN_PORT
    expect(Buffer.from(payload).toString('hex')).toBe(
      `01010000${'07000200'}77670000${'24000300'}${'07'.repeat(32)}${'06000600'}b6120000`,
    );
  });

  it('is of a peer its key, where it is, and the one address it has', () => {
    const [request] = changePeers(FAMILY, 'wg', [{ kind: 'set', peer: peer(2) }]);
    const hex = Buffer.from(request?.payload ?? []).toString('hex');
    expect(hex).toContain(`24000100${'02'.repeat(32)}`);
    // WGPEER_F_REPLACE_ALLOWEDIPS; struct sockaddr_in; family, address and mask of what it may send
    expect(hex).toContain('0800030002000000');
    expect(hex).toContain('14000400020012b6c63364020000000000000000');
    expect(hex).toContain('06000100020000000800020' + '0c6336402' + '0500030020000000');
  });

  it('is in as many messages as it takes, each no longer than an attribute can be', () => {
    const changes: PeerChange[] = Array.from({ length: 1000 }, (_, number) => ({
      kind: 'set',
      peer: peer(number % 250),
    }));
    const requests = changePeers(FAMILY, 'wg', changes);
    const peersIn = (payload: Uint8Array) =>
      parseList(parseAttributes(Buffer.from(payload).subarray(4)).get(8) ?? Buffer.alloc(0)).length;
    expect(requests.map(({ payload }) => peersIn(payload)).reduce((sum, count) => sum + count)).toBe(1000);
    expect(Math.max(...requests.map(({ payload }) => payload.length))).toBeLessThan(0xffff);
  });
});

describe('what WireGuard says', () => {
  const allowed = (...octets: readonly number[]) =>
    nested(0, u16Attribute(1, 2), attribute(2, Buffer.from(octets)), u8Attribute(3, 32));
  const count = (type: number, value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    return attribute(type, bytes);
  };

  it('is put together from the messages of a dump, all of whose peers have the same attribute type', () => {
    const key = (number: number) => attribute(1, Buffer.alloc(32, number));
    const first = message(
      u32Attribute(1, 5),
      attribute(4, KEY),
      u16Attribute(6, 4790),
      nested(
        8,
        nested(
          0,
          key(1),
          attribute(4, Buffer.alloc(16)),
          count(7, 10n),
          count(8, 20n),
          nested(9, allowed(10, 0, 0, 1)),
        ),
        nested(0, key(2), nested(9, allowed(10, 0, 0, 2))),
      ),
    );
    // The peer goes on where the message was full.
    const second = message(nested(8, nested(0, key(2), nested(9, allowed(10, 0, 0, 3)))));
    const nothing = { hasEndpoint: false, sentBytes: 0n, receivedBytes: 0n };
    expect(parseWireguard([first, second])).toEqual({
      publicKey: KEY.toString('base64'),
      port: 4790,
      peers: [
        { publicKey: keyOf(1), allowed: ['10.0.0.1/32'], hasEndpoint: true, sentBytes: 20n, receivedBytes: 10n },
        { publicKey: keyOf(2), allowed: ['10.0.0.2/32', '10.0.0.3/32'], ...nothing },
      ],
    });
  });

  it('is no more than a link without key and peers when there is nothing', () => {
    expect(parseWireguard([message(u32Attribute(1, 5))])).toEqual({ publicKey: '', port: 0, peers: [] });
  });
});
