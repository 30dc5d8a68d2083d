/**
 * A name server for tests, on all addresses of its namespace: small.example has one address; large.example has more
 * than fit into a datagram of 512 bytes; broken.example is SERVFAIL; anything else is NXDOMAIN.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import * as packet from 'dns-packet';

const LARGE = 60;
const NXDOMAIN = 3;
const SERVFAIL = 2;

function reply(query: packet.Packet, limit: number): Buffer {
  const name = query.questions?.[0]?.name ?? '';
  const known = name === 'small.example' ? 1 : name === 'large.example' ? LARGE : 0;
  const rcode = name === 'broken.example' ? SERVFAIL : known === 0 ? NXDOMAIN : 0;
  const answers = Array.from({ length: known }, (_, index) => {
    return { type: 'A' as const, name, ttl: 60, data: `192.0.2.${index + 1}` };
  });
  const message: packet.Packet = {
    type: 'response',
    id: query.id ?? 0,
    questions: query.questions ?? [],
    flags: packet.RECURSION_AVAILABLE | rcode,
  };
  const whole = packet.encode({ ...message, answers });
  if (whole.length <= limit) return whole;
  return packet.encode({ ...message, flags: (message.flags ?? 0) | packet.TRUNCATED_RESPONSE });
}

const udp = createSocket('udp4');
udp.on('message', (query, from) => udp.send(reply(packet.decode(query), 512), from.port, from.address));
const tcp = createServer((connection) => {
  connection.on('error', () => connection.destroy());
  connection.on('data', (bytes) => {
    const message = reply(packet.decode(bytes.subarray(2)), 65_535);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    connection.write(Buffer.concat([length, message]));
  });
});
tcp.listen(53, '0.0.0.0', () => udp.bind(53, () => console.log('listening')));
