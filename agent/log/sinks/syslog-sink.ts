/** The log driver "syslog". */
import { readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Native } from '../../../native/addon/native.ts';
import { GantryError } from '../../../proto/errors.ts';
import type { SyslogReceiver, SyslogTransport, TlsFiles } from '../../../proto/log/syslog-options.ts';
import type { CriRecord } from '../cri-record.ts';
import { type DatagramWay, UdpWay, UnixDatagramWay } from './datagrams.ts';
import type { LogSink } from './log-sink.ts';
import { StreamConnection } from './stream-connection.ts';
import { countedFrame, type SyslogOrigin, syslogMessage } from './syslog-message.ts';

/** Where hosts have theirs. */
const HOST_SOCKETS = ['/dev/log', '/var/run/syslog', '/var/run/log'];

type Way =
  | { readonly kind: 'stream'; readonly connection: StreamConnection; readonly isCounted: boolean }
  | { readonly kind: 'datagram'; readonly way: DatagramWay };

export type DatagramNative = Pick<Native, 'connectDatagram' | 'sendDatagram' | 'closeFd'>;

export class SyslogSink implements LogSink {
  readonly #origin: SyslogOrigin;
  readonly #way: Way;

  constructor(
    receiver: SyslogReceiver,
    origin: Pick<SyslogOrigin, 'hostname' | 'tag' | 'pid'>,
    native: DatagramNative,
  ) {
    this.#origin = { ...origin, facility: receiver.facility, format: receiver.format };
    this.#way = makeWay(receiver, native);
  }

  async send(records: readonly CriRecord[], signal: AbortSignal): Promise<void> {
    const lines = records.filter(({ data }) => data.length > 0);
    const messages = lines.map((record) => syslogMessage(record, this.#origin));
    if (messages.length === 0) return;
    if (this.#way.kind === 'datagram') return await this.#way.way.send(messages, signal);
    const { connection, isCounted } = this.#way;
    await connection.write(Buffer.concat(isCounted ? messages.map(countedFrame) : messages), signal);
  }

  close(): void {
    if (this.#way.kind === 'stream') this.#way.connection.close();
    else this.#way.way.close();
  }
}

function makeWay({ transport, format }: SyslogReceiver, native: DatagramNative): Way {
  switch (transport.kind) {
    case 'udp':
      return { kind: 'datagram', way: new UdpWay(describe(transport), transport) };
    case 'unixgram':
      return { kind: 'datagram', way: new UnixDatagramWay(native, transport.path) };
    case 'host':
      return { kind: 'datagram', way: new HostSyslog(native) };
    default:
      return {
        kind: 'stream',
        connection: streamTo(transport),
        isCounted: transport.kind === 'tls' && format.startsWith('rfc5424'),
      };
  }
}

function streamTo(transport: Exclude<SyslogTransport, { kind: 'udp' | 'unixgram' | 'host' }>): StreamConnection {
  const what = describe(transport);
  if (transport.kind === 'unix') {
    return new StreamConnection({ what, open: () => connect(transport.path), connected: 'connect' });
  }
  const { host, port } = transport;
  if (transport.kind === 'tcp') {
    return new StreamConnection({ what, open: () => connect({ host, port }), connected: 'connect' });
  }
  const open = () => connectTls({ host, port, servername: isAddress(host) ? '' : host, ...tlsOptions(transport.tls) });
  return new StreamConnection({ what, open, connected: 'secureConnect' });
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^[\d.]+$/.test(host);
}

/** The files are read at each connection: they are renewed. */
function tlsOptions({ ca, cert, key, skipVerify }: TlsFiles) {
  return {
    ...(ca === '' ? {} : { ca: readFileSync(ca) }),
    ...(cert === '' ? {} : { cert: readFileSync(cert), key: readFileSync(key) }),
    rejectUnauthorized: !skipVerify,
  };
}

/** Of the host itself, at whichever of the usual places it is when there is something to send. */
class HostSyslog implements DatagramWay {
  readonly #native: DatagramNative;
  #way: UnixDatagramWay | undefined;

  constructor(native: DatagramNative) {
    this.#native = native;
  }

  async send(messages: readonly Buffer[], signal: AbortSignal): Promise<void> {
    this.#way ??= new UnixDatagramWay(this.#native, findHostSocket());
    try {
      await this.#way.send(messages, signal);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    this.#way?.close();
    this.#way = undefined;
  }
}

function findHostSocket(): string {
  const found = HOST_SOCKETS.find((path) => statSync(path, { throwIfNoEntry: false })?.isSocket() === true);
  if (found !== undefined) return found;
  throw new GantryError('UNAVAILABLE', `this host has no syslog: none of ${HOST_SOCKETS.join(', ')} is there`, {
    hint: 'say where one is: --log-opt syslog-address=udp://HOST:514',
  });
}

function describe(transport: SyslogTransport): string {
  if (transport.kind === 'unix') return `syslog at ${transport.path}`;
  if (transport.kind === 'host' || transport.kind === 'unixgram') return 'syslog of the host';
  return `syslog at ${transport.kind === 'tls' ? 'tcp+tls' : transport.kind}://${transport.host}:${transport.port}`;
}
