/** Options of the log driver "fluentd", as Docker's: Fluentd's forward protocol. */
import { type HostPort, readHostPort, readSocketPath, readUrl } from './addresses.ts';
import type { LogOptions } from './log-options.ts';
import type { Retry } from './sent-log.ts';

export type FluentdTransport =
  | { readonly kind: 'unix'; readonly path: string }
  | ({ readonly kind: 'tcp' | 'tls' } & HostPort);

export interface FluentdReceiver {
  readonly kind: 'fluentd';
  readonly transport: FluentdTransport;
  /** It says of each chunk that it has it. */
  readonly acknowledges: boolean;
  /** Times to the nanosecond. */
  readonly subSecond: boolean;
  readonly retry: Retry;
  /** At least so much that hasn't been sent is kept. */
  readonly bufferBytes: number;
  /** Undefined: none */
  readonly writeTimeoutMs: number | undefined;
}

const ADDRESS = 'fluentd-address';
const PORT = 24224;

/** Throws LogOptionError. */
export function readFluentd(options: LogOptions): FluentdReceiver {
  refuseSynchronous(options);
  return {
    kind: 'fluentd',
    transport: readTransport(options),
    acknowledges: options.flag('fluentd-request-ack') ?? false,
    subSecond: options.flag('fluentd-sub-second-precision') ?? false,
    retry: {
      limit: options.integer('fluentd-max-retries', 0, 2 ** 32 - 1),
      delayMs: options.duration('fluentd-retry-wait') ?? options.duration('fluentd-async-reconnect-interval'),
    },
    bufferBytes: options.size('fluentd-buffer-limit') ?? 0,
    writeTimeoutMs: options.duration('fluentd-write-timeout'),
  };
}

/** Where Docker waits for Fluentd before it starts a container, or keeps what it writes in memory. */
function refuseSynchronous(options: LogOptions): void {
  for (const name of ['fluentd-async', 'fluentd-async-connect']) {
    if (options.flag(name) === false) options.refuse(name, 'true: containers never wait for Fluentd to be there');
  }
}

function readTransport(options: LogOptions): FluentdTransport {
  const url = readUrl(options, ADDRESS);
  if (url === undefined) return { kind: 'tcp', host: 'localhost', port: PORT };
  const { scheme, rest } = url;
  if (scheme === 'unix') return { kind: 'unix', path: readSocketPath(options, ADDRESS, rest) };
  if (scheme === '' || scheme === 'tcp') return { kind: 'tcp', ...readHostPort(options, ADDRESS, rest, PORT) };
  if (scheme === 'tls') return { kind: 'tls', ...readHostPort(options, ADDRESS, rest, PORT) };
  return options.refuse(ADDRESS, 'HOST:PORT, or with tcp://, tls:// or unix:// before it');
}
