/** Sends a DNS message, given as hex, to a server and prints the reply as hex. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const [server = '', transport = 'udp', hex = ''] = process.argv.slice(2);
const query = Buffer.from(hex, 'hex');

function print(reply: Buffer): void {
  console.log(reply.toString('hex'));
  process.exit(0);
}

if (transport === 'udp') {
  const socket = createSocket('udp4');
  socket.on('message', print);
  socket.send(query, 53, server);
} else {
  const socket = connect(53, server);
  let received: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) print(received.subarray(2));
  });
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  socket.write(Buffer.concat([length, query]));
}
setTimeout(() => process.exit(1), 8_000);
