import { describe, expect, it } from 'vitest';
import { LogConfig } from '../generated/gantry/v1/types.ts';
import { checkLogConfig, keepsLog, logDriverName } from './log-driver.ts';

const check = (log: Partial<LogConfig> | undefined) => () =>
  checkLogConfig('service web', log && LogConfig.fromPartial(log));

describe('a log', () => {
  it.each([
    undefined,
    {},
    { driver: 'json-file', maxFiles: 2 },
    { driver: 'local', maxSizeBytes: 1 },
    { driver: 'none' },
    { driver: 'syslog', driverOpts: { tag: '{{.Name}}' } },
  ])('may be kept as %j says', (log) => {
    expect(check(log)).not.toThrow();
  });

  it.each([
    [{ driver: 'splunk' }, 'service web: there is no log driver "splunk"'],
    [{ driver: 'gelf' }, 'service web: log option gelf-address: the log driver "gelf" needs a gelf-address'],
    [{ driver: 'local', driverOpts: { tag: 'x' } }, 'service web: log option tag: the option "tag" is not supported'],
    [{ driver: 'none', maxFiles: 2 }, 'service web: the log driver "none" keeps nothing'],
    [{ maxFiles: 1001 }, 'service web: a log has at most 1000 files'],
  ])('may not be kept as %j says', (log, message) => {
    expect(check(log)).toThrow(message);
  });

  it('is kept unless it says otherwise, and called as Docker does', () => {
    expect(
      [undefined, 'local', 'none'].map((driver) => keepsLog(LogConfig.fromPartial({ driver: driver ?? '' }))),
    ).toEqual([true, true, false]);
    expect(logDriverName(undefined)).toBe('json-file');
  });
});
