/**
 * One byte there and one back, one after the other, over one TCP connection. `serve PORT` says "ready" and answers;
 * `ask ADDRESS PORT COUNT` prints the median and the 99th percentile in microseconds, as JSON.
 */
import { connect, createServer } from 'node:net';
import { quantile } from '../statistics.ts';

const WARM_UP = 500;

function serve(port: number): void {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('data', (data) => socket.write(data)).on('error', () => undefined);
  });
  server.listen(port, '0.0.0.0', () => process.stdout.write('ready\n'));
}

function ask(address: string, port: number, count: number): void {
  const times: number[] = [];
  let sent = 0;
  let begun = 0;
  const socket = connect({ host: address, port, noDelay: true });
  const send = () => {
    sent += 1;
    begun = performance.now();
    socket.write('?');
  };
  socket.on('connect', send).on('data', () => {
    if (sent > WARM_UP) times.push((performance.now() - begun) * 1000);
    if (times.length < count) return send();
    socket.end();
    return process.stdout.write(JSON.stringify({ p50: quantile(times, 0.5), p99: quantile(times, 0.99) }));
  });
}

const [role, ...rest] = process.argv.slice(2);
if (role === 'serve') serve(Number(rest[0]));
else ask(rest[0] ?? '', Number(rest[1]), Number(rest[2]));
