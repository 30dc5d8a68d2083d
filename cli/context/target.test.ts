import { describe, expect, it } from 'vitest';
import { chooseTarget } from './target.ts';

const NO_TLS = { ca: undefined, cert: undefined, key: undefined };
const LOCAL = 'unix:///run/gantry/gantry.sock';

interface Given {
  readonly host?: string;
  readonly context?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly current?: string;
  readonly tls?: Partial<typeof FILES>;
}

const FILES = { ca: 'a', cert: 'b', key: 'c' };

function choose({ host, context, env = {}, current = 'default', tls = {} }: Given) {
  const target = chooseTarget({ host, context, tls: { ...NO_TLS, ...tls } }, env, () => current);
  return target.kind === 'context' ? `context ${target.name}` : target.host;
}

describe('the daemon that a command is for', () => {
  it.each<[string, Given]>([
    [LOCAL, {}],
    ['context prod', { current: 'prod' }],
    ['context ci', { current: 'prod', env: { GANTRY_CONTEXT: 'ci' } }],
    ['tcp://h', { current: 'prod', env: { GANTRY_CONTEXT: 'ci', GANTRY_HOST: 'tcp://h' } }],
    ['context flag', { current: 'prod', env: { GANTRY_CONTEXT: 'ci', GANTRY_HOST: 'tcp://h' }, context: 'flag' }],
    ['unix:///f', { current: 'prod', env: { GANTRY_CONTEXT: 'ci', GANTRY_HOST: 'tcp://h' }, host: 'unix:///f' }],
    ['tcp://h', { current: 'prod', env: { GANTRY_HOST: 'tcp://h' }, context: 'default' }],
    [LOCAL, { current: 'prod', env: { GANTRY_CONTEXT: 'default' } }],
    ['context prod', { current: 'prod', env: { GANTRY_CONTEXT: '', GANTRY_HOST: '' } }],
  ])('is %s for %j', (expected, given) => {
    expect(choose(given)).toBe(expected);
  });

  it('is looked for among the contexts only when nothing else decides', () => {
    const broken = () => {
      throw new Error('config.json is not JSON');
    };
    const options = { host: 'unix:///x', context: undefined, tls: NO_TLS };
    expect(chooseTarget(options, {}, broken)).toMatchObject({ host: 'unix:///x' });
    expect(() => chooseTarget({ ...options, host: undefined }, {}, broken)).toThrow('not JSON');
  });

  it.each<[string, Given]>([
    ['--host and --context each name a daemon', { host: 'tcp://h', context: 'ci' }],
    ['context ci has certificates of its own', { context: 'ci', tls: FILES }],
    ['unix:///x is reached without certificates', { host: 'unix:///x', tls: { ca: 'a' } }],
  ])('is refused: %s', (message, given) => {
    expect(() => choose(given)).toThrow(message);
  });

  it('has the certificates of the flags, then those of GANTRY_CERT_PATH', () => {
    const env = { GANTRY_CERT_PATH: '/certs' };
    const options = { host: 'tcp://h', context: undefined, tls: { ...NO_TLS, ca: 'mine.pem' } };
    expect(chooseTarget(options, env, () => '')).toMatchObject({
      tls: { ca: 'mine.pem', cert: '/certs/cert.pem', key: '/certs/key.pem' },
    });
    expect(chooseTarget({ ...options, host: 'unix:///x', tls: NO_TLS }, env, () => '')).toMatchObject({ tls: NO_TLS });
  });
});
