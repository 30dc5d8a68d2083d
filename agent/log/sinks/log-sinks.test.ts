/** What every sink does, each with a receiver of its kind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { gunzipSync, inflateSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { native } from '../../../native/addon/native.ts';
import { TestAuthority } from '../../../proto/identity.testing.ts';
import { parseLogConfig, sentLogConfig } from '../../../proto/log/log-driver.ts';
import type { LogOrigin } from '../../../proto/log/sent-log.ts';
import { until } from '../../../test/lab/until.ts';
import { type CriRecord, STDOUT } from '../cri-record.ts';
import { JournaldSink, journalFields } from './journald-sink.ts';
import type { LogSink } from './log-sink.ts';
import { makeSink } from './make-sink.ts';
import { pack } from './msgpack.ts';

const PATIENCE_MS = 10_000;
const NEVER = new AbortController().signal;
const ORIGIN: LogOrigin = {
  ...{ id: 'c'.repeat(64), name: 'web', imageId: 'sha256:a', imageName: 'web:1', command: 'serve' },
  ...{ createdAtMs: 0, hostname: 'h1', labels: {}, env: [] },
};

let directory: string;
let cleanups: (() => void)[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-sink-'));
  cleanups = [];
});

afterEach(() => {
  for (const cleanup of cleanups.reverse()) cleanup();
  rmSync(directory, { recursive: true });
});

/** All that it has got, as text. */
interface Receiver {
  readonly options: Record<string, string>;
  readonly received: () => string;
  /** As if it were restarted: there is nobody for a moment. */
  readonly restart?: () => Promise<void>;
}

function track(server: Server, onConnection: (socket: Socket) => void): Set<Socket> {
  const sockets = new Set<Socket>();
  const take = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    onConnection(socket);
  };
  server.on('connection', take);
  return sockets;
}

async function listen(server: Server, where: { port: number; host: string } | { path: string }): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, resolve);
  });
  const address = server.address() as AddressInfo | string;
  return typeof address === 'string' ? 0 : address.port;
}

/** A stream of whatever kind; `answer` for each piece that comes. */
async function streamReceiver(answer?: (data: Buffer) => Buffer, path?: string) {
  let text = '';
  const make = () => {
    const server = createServer();
    const sockets = track(server, (socket) => {
      socket.on('data', (data) => {
        text += data.toString('latin1');
        if (answer !== undefined) socket.write(answer(data));
      });
    });
    return { server, sockets };
  };
  let { server, sockets } = make();
  const port = await listen(server, path === undefined ? { port: 0, host: '127.0.0.1' } : { path });
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  cleanups.push(() => void stop());
  const restart = async () => {
    await stop();
    ({ server, sockets } = make());
    await listen(server, path === undefined ? { port, host: '127.0.0.1' } : { path });
  };
  return { port, received: () => text, restart };
}

async function tlsReceiver(): Promise<Receiver> {
  const authority = await TestAuthority.create();
  const { certPem, keyPem, caPem } = await authority.issue({ nodeId: 'localhost', role: 'worker', clusterId: 'c' });
  const ca = join(directory, 'ca.pem');
  writeFileSync(ca, caPem);
  let text = '';
  const server = createTlsServer({ cert: certPem, key: keyPem });
  server.on('secureConnection', (socket) => {
    socket.on('data', (data) => {
      text += data.toString();
    });
    socket.on('error', () => undefined);
  });
  const sockets = track(server, () => undefined);
  const port = await listen(server, { port: 0, host: 'localhost' } as { port: number; host: string });
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    options: { 'syslog-address': `tcp+tls://localhost:${port}`, 'syslog-tls-ca-cert': ca, 'syslog-format': 'rfc5424' },
    received: () => text,
  };
}

async function udpReceiver(decode: (data: Buffer) => string) {
  let text = '';
  const socket = createSocket('udp4');
  socket.on('message', (data) => {
    text += decode(data);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  cleanups.push(() => socket.close());
  return { port: socket.address().port, received: () => text };
}

const DATAGRAMS = `use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; bind(S, sockaddr_un($ARGV[0])) or die;
$| = 1; while (defined recv(S, $d, 1 << 20, 0)) { print $d }`;

/** Node has no such sockets. */
async function unixDatagramReceiver(path: string): Promise<() => string> {
  const receiver: ChildProcess = spawn('perl', ['-e', DATAGRAMS, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  receiver.stdout?.on('data', (data: Buffer) => {
    text += data.toString();
  });
  cleanups.push(() => receiver.kill('SIGKILL'));
  await until(
    'the receiver to listen',
    async () => {
      try {
        native.closeFd(native.connectDatagram(path));
        return true;
      } catch {
        return false;
      }
    },
    PATIENCE_MS,
  );
  return () => text;
}

const RECEIVERS: Readonly<Record<string, () => Promise<Receiver & { readonly driver: string }>>> = {
  'syslog over UDP': async () => {
    const { port, received } = await udpReceiver(String);
    return { driver: 'syslog', options: { 'syslog-address': `udp://127.0.0.1:${port}` }, received };
  },
  'syslog over TCP': async () => {
    const { port, ...rest } = await streamReceiver();
    return { driver: 'syslog', options: { 'syslog-address': `tcp://127.0.0.1:${port}` }, ...rest };
  },
  'syslog over TLS': async () => ({ driver: 'syslog', ...(await tlsReceiver()) }),
  'syslog at a Unix stream': async () => {
    const path = join(directory, 'log');
    const { received, restart } = await streamReceiver(undefined, path);
    return { driver: 'syslog', options: { 'syslog-address': `unix://${path}` }, received, restart };
  },
  'syslog at a Unix datagram socket': async () => {
    const path = join(directory, 'log');
    const received = await unixDatagramReceiver(path);
    return { driver: 'syslog', options: { 'syslog-address': `unixgram://${path}` }, received };
  },
  'GELF over UDP, gzipped': async () => {
    const { port, received } = await udpReceiver((data) => gunzipSync(data).toString());
    return { driver: 'gelf', options: { 'gelf-address': `udp://127.0.0.1:${port}` }, received };
  },
  'GELF over UDP, deflated': async () => {
    const { port, received } = await udpReceiver((data) => inflateSync(data).toString());
    const options = { 'gelf-address': `udp://127.0.0.1:${port}`, 'gelf-compression-type': 'zlib' };
    return { driver: 'gelf', options, received };
  },
  'GELF over TCP': async () => {
    const { port, ...rest } = await streamReceiver();
    return { driver: 'gelf', options: { 'gelf-address': `tcp://127.0.0.1:${port}` }, ...rest };
  },
  Fluentd: async () => {
    const { port, ...rest } = await streamReceiver();
    return { driver: 'fluentd', options: { 'fluentd-address': `127.0.0.1:${port}` }, ...rest };
  },
  'Fluentd, which acknowledges': async () => {
    const answer = (data: Buffer) => {
      // The chunk's id is the last string, of 24 characters.
      return pack(new Map([['ack', data.toString('latin1').slice(-24)]]));
    };
    const { port, ...rest } = await streamReceiver(answer);
    const options = { 'fluentd-address': `127.0.0.1:${port}`, 'fluentd-request-ack': 'true' };
    return { driver: 'fluentd', options, ...rest };
  },
};

function sinkOf(driver: string, options: Record<string, string>): LogSink {
  const config = sentLogConfig(parseLogConfig(driver, options));
  if (config === undefined) throw new Error(`${driver} sends nothing`);
  const sink = makeSink(config, ORIGIN, { native, random: randomBytes });
  cleanups.push(() => sink.close());
  return sink;
}

function lines(...texts: string[]): CriRecord[] {
  return texts.map((text) => ({
    ...{ seconds: 1_800_000_000, nanoseconds: 0, stream: STDOUT, full: true },
    data: Buffer.from(text),
  }));
}

describe.each(Object.keys(RECEIVERS))('%s', (name) => {
  const begin = async () => {
    const receiver = await RECEIVERS[name]?.();
    if (receiver === undefined) throw new Error(name);
    return { ...receiver, sink: sinkOf(receiver.driver, receiver.options) };
  };

  it('gets all lines in their order, and empty ones do no harm', async () => {
    const { sink, received } = await begin();
    await sink.send(lines('first line', '', 'second line'), NEVER);
    await sink.send(lines('third line'), NEVER);
    await until('all to arrive', () => received().includes('third line'), PATIENCE_MS);
    expect(received()).toMatch(/first line[\s\S]*second line[\s\S]*third line/);
  });

  it('says when nobody takes them', async () => {
    const { driver, options } = await begin();
    const nowhere = Object.fromEntries(
      Object.entries(options).map(([key, value]) => [key, value.replace(/:\d+$/, ':1').replace(/log$/, 'nothing')]),
    );
    const sink = sinkOf(driver, nowhere);
    const attempts = async () => {
      // A datagram that nobody takes is only known of at one of the next.
      for (let round = 0; round < 1000; round++) await sink.send(lines('lost'), NEVER);
    };
    await expect(attempts()).rejects.toThrow('does not take logs');
  });
});

describe.each(['syslog over TCP', 'syslog at a Unix stream', 'GELF over TCP', 'Fluentd, which acknowledges'])(
  '%s, restarted',
  (name) => {
    it('is connected to again', async () => {
      const receiver = await RECEIVERS[name]?.();
      if (receiver === undefined) throw new Error(name);
      const sink = sinkOf(receiver.driver, receiver.options);
      await sink.send(lines('before'), NEVER);
      await until('the first to arrive', () => receiver.received().includes('before'), PATIENCE_MS);
      await receiver.restart?.();
      const arrives = async () => {
        // What is on its way into a connection that is closing may be refused.
        await sink.send(lines('after'), NEVER).catch(() => undefined);
        return receiver.received().includes('after');
      };
      await until('the second to arrive', arrives, PATIENCE_MS);
    });
  },
);

it('a sink that waits for its receiver can be stopped', async () => {
  const { port } = await streamReceiver((_) => Buffer.alloc(0));
  const sink = sinkOf('fluentd', { 'fluentd-address': `127.0.0.1:${port}`, 'fluentd-request-ack': 'true' });
  const abort = new AbortController();
  const sent = sink.send(lines('x'), abort.signal);
  abort.abort();
  await expect(sent).rejects.toThrow('does not take logs');
});

it('the journal gets entries', async () => {
  const path = join(directory, 'journal');
  const received = await unixDatagramReceiver(path);
  const selection = { labels: [], labelPattern: undefined, variables: [], variablePattern: undefined };
  const sink = new JournaldSink(journalFields(ORIGIN, selection, 'tag'), native, path);
  cleanups.push(() => sink.close());
  await sink.send(lines('hello'), NEVER);
  await until('it to arrive', () => received().includes('hello'), PATIENCE_MS);
  expect(received()).toContain('CONTAINER_NAME');
});
