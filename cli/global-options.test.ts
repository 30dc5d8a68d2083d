import { describe, expect, it } from 'vitest';
import { parseGlobalOptions } from './global-options.ts';

const NONE = { ca: undefined, cert: undefined, key: undefined };

describe('options before the command', () => {
  it.each([
    [['ps', '-a'], { action: 'run', rest: ['ps', '-a'] }],
    [['-H', 'unix:///x', 'ps'], { host: 'unix:///x', action: 'run', rest: ['ps'] }],
    [['-Hunix:///x', 'ps'], { host: 'unix:///x', action: 'run', rest: ['ps'] }],
    [['-H=unix:///x', 'ps'], { host: 'unix:///x', action: 'run', rest: ['ps'] }],
    [['--host=tcp://h:1', 'ps'], { host: 'tcp://h:1', action: 'run', rest: ['ps'] }],
    [['--context', 'prod', 'ps', '--help'], { context: 'prod', action: 'run', rest: ['ps', '--help'] }],
    [['-cprod', '--config=/c', 'ps'], { context: 'prod', config: '/c', action: 'run', rest: ['ps'] }],
    [
      ['--tlsverify', '--tlscacert', 'a', '--tlscert=b', '--tlskey', 'c', 'ps'],
      { tls: { ca: 'a', cert: 'b', key: 'c' }, action: 'run', rest: ['ps'] },
    ],
    [['--help'], { action: 'help', rest: [] }],
    [['-v'], { action: 'version', rest: [] }],
    [[], { action: 'help', rest: [] }],
  ])('%j', (argv, expected) => {
    expect(parseGlobalOptions(argv)).toEqual({
      ...{ host: undefined, context: undefined, config: undefined, tls: NONE },
      ...expected,
    });
  });

  it.each([
    [['--nope', 'ps'], 'unknown flag: --nope'],
    [['-H'], 'flag needs an argument: -H'],
    [['--tls', 'ps'], '--tls is not supported: managers are always verified'],
    [['--tlsverify=false', 'ps'], '--tlsverify=false is not supported'],
  ])('refuses %j', (argv, message) => {
    expect(() => parseGlobalOptions(argv)).toThrow(message);
  });
});
