import { describe, expect, it } from 'vitest';
import { logDriver, parseLogConfig } from './log-config.ts';

describe('--log-driver', () => {
  it.each(['', 'json-file', 'local', 'none'])('may be "%s"', (name) => {
    expect(logDriver(name)).toBe(name);
  });

  it('is refused when it sends logs elsewhere', () => {
    expect(() => logDriver('syslog')).toThrow('invalid argument "syslog" for --log-driver');
  });
});

describe('--log-opt', () => {
  it('is nothing when nothing is said', () => {
    expect(parseLogConfig('', [])).toBeUndefined();
  });

  it('bounds the log', () => {
    expect(parseLogConfig('', ['max-size=1m', 'max-file=5'])).toEqual({
      driver: '',
      maxSizeBytes: 1 << 20,
      maxFiles: 5,
    });
    expect(parseLogConfig('none', [])).toEqual({ driver: 'none', maxSizeBytes: 0, maxFiles: 0 });
  });

  it('is refused when it is unknown, or for no log', () => {
    expect(() => parseLogConfig('', ['tag=x'])).toThrow('invalid argument "tag=x" for --log-opt');
    expect(() => parseLogConfig('none', ['max-size=1m'])).toThrow('invalid logging opts for driver none');
  });
});
