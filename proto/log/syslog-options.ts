/** Options of the log driver "syslog", as Docker's: RFC 3164, RFC 5424, RFC 5425, and what /dev/log takes. */
import { type HostPort, readHostPort, readSocketPath, readUrl } from './addresses.ts';
import type { LogOptions } from './log-options.ts';

export type SyslogFormat = 'unix' | 'rfc3164' | 'rfc5424' | 'rfc5424micro';

export type SyslogTransport =
  /** The host's own: /dev/log, or where else it is. */
  | { readonly kind: 'host' }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'unixgram'; readonly path: string }
  | ({ readonly kind: 'udp' } & HostPort)
  | ({ readonly kind: 'tcp' } & HostPort)
  | ({ readonly kind: 'tls'; readonly tls: TlsFiles } & HostPort);

/** On the container's host; empty: none. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly skipVerify: boolean;
}

export interface SyslogReceiver {
  readonly kind: 'syslog';
  readonly transport: SyslogTransport;
  /** 0 to 23 */
  readonly facility: number;
  readonly format: SyslogFormat;
}

const PORT = 514;
const DAEMON = 3;
const ADDRESS = 'syslog-address';
const SCHEMES = 'udp://, tcp://, tcp+tls://, unix:// or unixgram:// and an address';

/** By number, as in RFC 5424, table 1; those without a name stand for themselves. */
const FACILITIES: readonly string[] = [
  ...['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp'],
  ...['12', '13', '14', '15', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
];

/** Throws LogOptionError. */
export function readSyslog(options: LogOptions): SyslogReceiver {
  const format = options.oneOf('syslog-format', ['rfc3164', 'rfc5424', 'rfc5424micro']) ?? 'unix';
  return { kind: 'syslog', transport: readTransport(options), facility: readFacility(options), format };
}

function readFacility(options: LogOptions): number {
  const text = options.text('syslog-facility');
  if (text === undefined) return DAEMON;
  const named = FACILITIES.indexOf(text);
  if (named !== -1) return named;
  return options.integer('syslog-facility', 0, FACILITIES.length - 1) ?? DAEMON;
}

function readTransport(options: LogOptions): SyslogTransport {
  const url = readUrl(options, ADDRESS);
  const tls = readTls(options, url?.scheme === 'tcp+tls');
  if (url === undefined) return { kind: 'host' };
  const { scheme, rest } = url;
  if (scheme === 'unix' || scheme === 'unixgram') {
    return { kind: scheme, path: readSocketPath(options, ADDRESS, rest) };
  }
  if (scheme === 'udp' || scheme === 'tcp') return { kind: scheme, ...readHostPort(options, ADDRESS, rest, PORT) };
  if (scheme === 'tcp+tls') return { kind: 'tls', tls, ...readHostPort(options, ADDRESS, rest, PORT) };
  return options.refuse(ADDRESS, SCHEMES);
}

/** Docker ignores them without tcp+tls. */
function readTls(options: LogOptions, isUsed: boolean): TlsFiles {
  const file = (name: string) => {
    const path = options.text(name) ?? '';
    if (path !== '' && !isUsed) options.refuse(name, 'only for tcp+tls:// addresses');
    if (path !== '' && !path.startsWith('/')) options.refuse(name, "an absolute path on the container's host");
    return path;
  };
  const [ca, cert, key] = [file('syslog-tls-ca-cert'), file('syslog-tls-cert'), file('syslog-tls-key')];
  if ((cert === '') !== (key === '')) {
    options.refuse(cert === '' ? 'syslog-tls-cert' : 'syslog-tls-key', 'given together with the other of the two');
  }
  const skipVerify = options.flag('syslog-tls-skip-verify') ?? false;
  if (skipVerify && !isUsed) options.refuse('syslog-tls-skip-verify', 'only for tcp+tls:// addresses');
  return { ca, cert, key, skipVerify };
}
