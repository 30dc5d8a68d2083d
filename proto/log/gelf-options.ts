/** Options of the log driver "gelf", as Docker's: Graylog Extended Log Format 1.1. */
import { type HostPort, readHostPort, readUrl } from './addresses.ts';
import { LogOptionError, type LogOptions } from './log-options.ts';
import type { Retry } from './sent-log.ts';

export type GelfTransport =
  | ({ readonly kind: 'tcp' } & HostPort)
  /** `level`: as zlib's, -1 is its default. */
  | ({ readonly kind: 'udp'; readonly compression: 'gzip' | 'zlib' | 'none'; readonly level: number } & HostPort);

export interface GelfReceiver {
  readonly kind: 'gelf';
  readonly transport: GelfTransport;
  readonly retry: Retry;
}

const ADDRESS = 'gelf-address';
const PORT = 12201;
const ONLY_UDP = 'only for udp:// addresses';
const ONLY_TCP = 'only for tcp:// addresses';

/** Throws LogOptionError. */
export function readGelf(options: LogOptions): GelfReceiver {
  const url = readUrl(options, ADDRESS);
  if (url === undefined) {
    throw new LogOptionError(
      ADDRESS,
      'the log driver "gelf" needs a gelf-address',
      'udp://HOST:PORT or tcp://HOST:PORT',
    );
  }
  const { scheme, rest } = url;
  if (scheme !== 'udp' && scheme !== 'tcp') options.refuse(ADDRESS, 'udp://HOST:PORT or tcp://HOST:PORT');
  const compression = options.oneOf('gelf-compression-type', ['gzip', 'zlib', 'none']);
  const level = options.integer('gelf-compression-level', -1, 9);
  const limit = options.integer('gelf-tcp-max-reconnect', 1, 1_000_000);
  const delayS = options.integer('gelf-tcp-reconnect-delay', 1, 3600);
  const retry = { limit, delayMs: delayS === undefined ? undefined : delayS * 1000 };
  const address = readHostPort(options, ADDRESS, rest, PORT);
  if (scheme === 'tcp') {
    if (compression !== undefined && compression !== 'none') options.refuse('gelf-compression-type', ONLY_UDP);
    if (level !== undefined) options.refuse('gelf-compression-level', ONLY_UDP);
    return { kind: 'gelf', transport: { kind: 'tcp', ...address }, retry };
  }
  if (limit !== undefined) options.refuse('gelf-tcp-max-reconnect', ONLY_TCP);
  if (delayS !== undefined) options.refuse('gelf-tcp-reconnect-delay', ONLY_TCP);
  return {
    kind: 'gelf',
    transport: { kind: 'udp', compression: compression ?? 'gzip', level: level ?? 1, ...address },
    retry,
  };
}
