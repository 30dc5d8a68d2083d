import { describe, expect, it } from 'vitest';
import { parseGlobalOptions } from './global-options.ts';

describe('options before the command', () => {
  it.each([
    [['ps', '-a'], { host: undefined, action: 'run', rest: ['ps', '-a'] }],
    [['-H', 'unix:///x', 'ps'], { host: 'unix:///x', action: 'run', rest: ['ps'] }],
    [['-Hunix:///x', 'ps'], { host: 'unix:///x', action: 'run', rest: ['ps'] }],
    [['-H=unix:///x', 'ps'], { host: 'unix:///x', action: 'run', rest: ['ps'] }],
    [['--host=tcp://h:1', 'ps'], { host: 'tcp://h:1', action: 'run', rest: ['ps'] }],
    [['--context', 'default', 'ps', '--help'], { host: undefined, action: 'run', rest: ['ps', '--help'] }],
    [['--help'], { host: undefined, action: 'help', rest: [] }],
    [['-v'], { host: undefined, action: 'version', rest: [] }],
    [[], { host: undefined, action: 'help', rest: [] }],
  ])('%j', (argv, expected) => {
    expect(parseGlobalOptions(argv)).toEqual(expected);
  });

  it.each([
    [['--nope', 'ps'], 'unknown flag: --nope'],
    [['-H'], 'flag needs an argument: -H'],
    [['--context', 'prod', 'ps'], '--context prod: contexts are not supported yet'],
  ])('refuses %j', (argv, message) => {
    expect(() => parseGlobalOptions(argv)).toThrow(message);
  });
});
