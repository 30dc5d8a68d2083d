import { describe, expect, it } from 'vitest';
import { logDriver, readLogConfig } from './log-config.ts';

describe('--log-driver', () => {
  it.each(['', 'json-file', 'local', 'none', 'syslog', 'journald', 'gelf', 'fluentd'])('may be "%s"', (name) => {
    expect(logDriver(name)).toBe(name);
  });

  it('is refused when there is none of the name', () => {
    expect(() => logDriver('splunk')).toThrow('invalid argument "splunk" for --log-driver');
  });
});

describe('--log-opt', () => {
  it('is nothing when nothing is said', () => {
    expect(readLogConfig('', [])).toBeUndefined();
  });

  it('bounds the log', () => {
    expect(readLogConfig('', ['max-size=1m', 'max-file=5'])).toEqual({
      driver: '',
      maxSizeBytes: 1 << 20,
      maxFiles: 5,
      driverOpts: {},
    });
    expect(readLogConfig('none', [])).toEqual({
      driver: 'none',
      maxSizeBytes: 0,
      maxFiles: 0,
      driverOpts: {},
    });
  });

  it('says where a log is sent', () => {
    const options = ['syslog-address=udp://logs:514', 'tag={{.Name}}=x', 'cache-max-file=2'];
    expect(readLogConfig('syslog', options)).toEqual({
      driver: 'syslog',
      maxSizeBytes: 0,
      maxFiles: 2,
      driverOpts: { 'syslog-address': 'udp://logs:514', tag: '{{.Name}}=x', 'cache-max-file': '2' },
    });
    expect(() => readLogConfig('syslog', ['syslog-facility=x'])).toThrow('invalid argument "syslog-facility=x"');
  });

  it('is refused when it is unknown, or for no log', () => {
    expect(() => readLogConfig('', ['tag=x'])).toThrow('invalid argument "tag=x" for --log-opt');
    expect(() => readLogConfig('none', ['max-size=1m'])).toThrow('invalid logging opts for driver none');
  });
});
