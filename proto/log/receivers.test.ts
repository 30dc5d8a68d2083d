import { describe, expect, it } from 'vitest';
import { type LogReceiver, parseLogConfig, sentLogConfig } from './log-driver.ts';
import { LogOptionError } from './log-options.ts';

function receiver(driver: string, options: Record<string, string>): LogReceiver | undefined {
  return sentLogConfig(parseLogConfig(driver, options))?.receiver;
}

/** OPTION: what is wrong with it; and what to do. */
function problem(driver: string, options: Record<string, string>): string {
  try {
    parseLogConfig(driver, options);
  } catch (error) {
    if (error instanceof LogOptionError) return `${error.option}: ${error.message}; ${error.hint}`;
    throw error;
  }
  return '';
}

const NO_TLS = { ca: '', cert: '', key: '', skipVerify: false };

describe('syslog', () => {
  it.each([
    [{}, { kind: 'host' }],
    [{ 'syslog-address': 'udp://logs.example:1514' }, { kind: 'udp', host: 'logs.example', port: 1514 }],
    [{ 'syslog-address': 'tcp://[fd00::1]' }, { kind: 'tcp', host: 'fd00::1', port: 514 }],
    [{ 'syslog-address': 'tcp+tls://logs' }, { kind: 'tls', host: 'logs', port: 514, tls: NO_TLS }],
    [
      { 'syslog-address': 'tcp+tls://logs', 'syslog-tls-ca-cert': '/ca.pem', 'syslog-tls-skip-verify': 'true' },
      { kind: 'tls', host: 'logs', port: 514, tls: { ...NO_TLS, ca: '/ca.pem', skipVerify: true } },
    ],
    [{ 'syslog-address': 'unix:///dev/log' }, { kind: 'unix', path: '/dev/log' }],
    [{ 'syslog-address': 'unixgram:///dev/log' }, { kind: 'unixgram', path: '/dev/log' }],
  ])('%j leads to %j', (options, transport) => {
    expect(receiver('syslog', options)).toEqual({ kind: 'syslog', transport, facility: 3, format: 'unix' });
  });

  it.each([
    ['kern', 0],
    ['authpriv', 10],
    ['local0', 16],
    ['local7', 23],
    ['13', 13],
  ])('takes the facility %s', (text, facility) => {
    expect(receiver('syslog', { 'syslog-facility': text, 'syslog-format': 'rfc5424micro' })).toMatchObject({
      facility,
      format: 'rfc5424micro',
    });
  });

  it.each([
    [{ 'syslog-facility': '24' }, 'syslog-facility: "24" is not allowed here; it is a whole number from 0 to 23'],
    [{ 'syslog-format': 'rfc' }, 'it is one of rfc3164, rfc5424, rfc5424micro'],
    [{ 'syslog-address': 'logs:514' }, 'it is udp://, tcp://'],
    [{ 'syslog-address': 'http://logs:514' }, 'it is udp://, tcp://'],
    [{ 'syslog-address': 'udp://logs:0' }, 'it is a host and a port'],
    [{ 'syslog-address': 'udp://' }, 'it is a host and a port'],
    [{ 'syslog-address': 'unix://dev/log' }, 'it is an absolute path'],
    [{ 'syslog-address': 'tcp://l', 'syslog-tls-ca-cert': '/c' }, 'syslog-tls-ca-cert: "/c" is not allowed here'],
    [{ 'syslog-address': 'tcp+tls://l', 'syslog-tls-cert': '/c' }, 'syslog-tls-key: "" is not allowed here'],
    [{ 'syslog-adress': 'tcp://l' }, 'syslog-adress: the option "syslog-adress" is not supported'],
    [{ 'syslog-adress': 'tcp://l' }, 'did you mean "syslog-address"?'],
    [{ 'gelf-address': 'udp://l:1' }, 'gelf-address: the option "gelf-address" is not supported'],
  ])('refuses %j', (options, message) => {
    expect(problem('syslog', options)).toContain(message);
  });
});

describe('gelf', () => {
  it.each([
    [{ 'gelf-address': 'udp://g' }, { kind: 'udp', host: 'g', port: 12201, compression: 'gzip', level: 1 }],
    [
      { 'gelf-address': 'udp://g:1', 'gelf-compression-type': 'zlib', 'gelf-compression-level': '9' },
      { kind: 'udp', host: 'g', port: 1, compression: 'zlib', level: 9 },
    ],
    [{ 'gelf-address': 'tcp://g:1' }, { kind: 'tcp', host: 'g', port: 1 }],
  ])('%j leads to %j', (options, transport) => {
    expect(receiver('gelf', options)).toMatchObject({ kind: 'gelf', transport });
  });

  it('is asked for again as it says', () => {
    const options = { 'gelf-address': 'tcp://g', 'gelf-tcp-max-reconnect': '5', 'gelf-tcp-reconnect-delay': '2' };
    expect(receiver('gelf', options)).toMatchObject({ retry: { limit: 5, delayMs: 2000 } });
  });

  it.each([
    [{}, 'gelf-address: the log driver "gelf" needs a gelf-address'],
    [{ 'gelf-address': 'unix:///g' }, 'it is udp://HOST:PORT or tcp://HOST:PORT'],
    [{ 'gelf-address': 'tcp://g', 'gelf-compression-type': 'gzip' }, 'it is only for udp:// addresses'],
    [{ 'gelf-address': 'tcp://g', 'gelf-compression-level': '1' }, 'it is only for udp:// addresses'],
    [{ 'gelf-address': 'udp://g', 'gelf-tcp-max-reconnect': '1' }, 'it is only for tcp:// addresses'],
  ])('refuses %j', (options, message) => {
    expect(problem('gelf', options)).toContain(message);
  });
});

describe('fluentd', () => {
  it.each([
    [{}, { kind: 'tcp', host: 'localhost', port: 24224 }],
    [{ 'fluentd-address': 'logs:1' }, { kind: 'tcp', host: 'logs', port: 1 }],
    [{ 'fluentd-address': 'tls://logs' }, { kind: 'tls', host: 'logs', port: 24224 }],
    [{ 'fluentd-address': 'unix:///run/f' }, { kind: 'unix', path: '/run/f' }],
  ])('%j leads to %j', (options, transport) => {
    expect(receiver('fluentd', options)).toMatchObject({ kind: 'fluentd', transport, acknowledges: false });
  });

  it('takes what Docker does', () => {
    const options = {
      'fluentd-async': 'true',
      'fluentd-request-ack': 'true',
      'fluentd-sub-second-precision': '1',
      'fluentd-max-retries': '3',
      'fluentd-retry-wait': '250ms',
      'fluentd-buffer-limit': '16m',
    };
    expect(sentLogConfig(parseLogConfig('fluentd', options))).toMatchObject({
      bufferBytes: 16 * 2 ** 20,
      receiver: { acknowledges: true, subSecond: true, retry: { limit: 3, delayMs: 250 } },
    });
  });

  it('refuses to keep containers waiting', () => {
    expect(problem('fluentd', { 'fluentd-async': 'false' })).toContain('containers never wait for Fluentd');
  });
});

describe('every driver that sends', () => {
  it('takes what is said of all', () => {
    const options = {
      tag: '{{.Name}}/{{.ID}} {{(.ExtraAttributes nil).A}}',
      labels: 'a, b',
      'labels-regex': '^x',
      env: 'A',
      mode: 'non-blocking',
      'max-buffer-size': '4m',
      'cache-max-size': '20m',
      'cache-max-file': '5',
      'cache-disabled': 'false',
    };
    expect(sentLogConfig(parseLogConfig('journald', options))).toMatchObject({
      tag: options.tag,
      selection: { labels: ['a', 'b'], labelPattern: /^x/, variables: ['A'], variablePattern: undefined },
      isBlocking: false,
      bufferBytes: 4 * 2 ** 20,
      maxSizeBytes: 20 * 2 ** 20,
      maxFiles: 5,
    });
  });

  it.each([
    [{ mode: 'fast' }, 'it is one of blocking, non-blocking'],
    [{ mode: 'blocking', 'max-buffer-size': '1m' }, 'it is only for mode: non-blocking'],
    [{ mode: 'blocking', 'cache-max-file': '1' }, 'it is a whole number from 2 to 1000'],
    [{ 'cache-disabled': 'true' }, 'what is yet to be sent is kept'],
    [{ 'cache-max-size': 'x' }, 'it is a size, such as 10m'],
    [{ tag: '{{.Nope}}' }, 'tag: "{{.Nope}}" is not a template'],
    [{ tag: '{{' }, 'it is a Go template with .ID'],
    [{ 'labels-regex': '(' }, 'it is a regular expression'],
  ])('refuses %j', (options, message) => {
    expect(problem('journald', options)).toContain(message);
  });
});
