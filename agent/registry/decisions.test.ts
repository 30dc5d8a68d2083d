import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { fuzz } from '../image/testing/fuzz.ts';
import { parseChallenges } from './challenge.ts';
import { endpointsOf } from './endpoints.ts';
import { InsecureHosts } from './insecure-hosts.ts';
import { proxyFor } from './proxy.ts';
import { RegistryRefusal, readRefusal } from './refusal.ts';
import { pauseAfter } from './retry.ts';
import { SharedWork } from './shared-work.ts';
import { Slots } from './slots.ts';

describe('challenges', () => {
  it.each([
    ['Basic realm="x"', [['basic', { realm: 'x' }]]],
    [
      'Bearer realm="https://auth/token",service="reg",scope="repository:a/b:pull,push"',
      [['bearer', { realm: 'https://auth/token', service: 'reg', scope: 'repository:a/b:pull,push' }]],
    ],
    ['bearer Realm = "a \\"b\\"" , error=invalid', [['bearer', { realm: 'a "b"', error: 'invalid' }]]],
    [
      'Negotiate, Basic realm="x", Bearer realm="y"',
      [
        ['negotiate', {}],
        ['basic', { realm: 'x' }],
        ['bearer', { realm: 'y' }],
      ],
    ],
    ['', []],
    ['"; drop', []],
  ])('%s', (header, expected) => {
    expect(parseChallenges(header).map(({ scheme, parameters }) => [scheme, parameters])).toEqual(expected);
  });
});

describe('challenges of any kind', () => {
  const token = fc.stringMatching(/^[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,12}$/);
  const quote = (value: string) => `"${value.replace(/[\\"]/g, (character) => `\\${character}`)}"`;
  const parameter = fc.tuple(token, fc.stringMatching(/^[\x20-\x7e]{0,20}$/));
  const challenge = fc.record({
    scheme: token,
    parameters: fc.uniqueArray(parameter, { maxLength: 4, selector: ([key]) => key.toLowerCase() }),
  });

  it('that are well-formed are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 4 }), (all) => {
        const header = all
          .map(
            ({ scheme, parameters }) =>
              `${scheme} ${parameters.map(([key, value]) => `${key}=${quote(value)}`).join(', ')}`,
          )
          .join(', ');
        expect(parseChallenges(header)).toEqual(
          all.map(({ scheme, parameters }) => ({
            scheme: scheme.toLowerCase(),
            parameters: Object.fromEntries(parameters.map(([key, value]) => [key.toLowerCase(), value])),
          })),
        );
      }),
      fuzz(500, 61),
    );
  });

  it('that are not are read as far as they can be', () => {
    const noise = fc.array(
      fc.oneof(
        fc.constantFrom('"', '\\', ',', '=', ' ', 'Bearer', 'realm="x"', '__proto__=a'),
        fc.string({ maxLength: 4 }),
      ),
      {
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(noise, (pieces) => {
        for (const { scheme } of parseChallenges(pieces.join(''))) expect(scheme).not.toBe('');
      }),
      fuzz(1000, 62),
    );
  });

  it.each([
    'a'.repeat(16_000),
    'a '.repeat(8000),
    'a=b,'.repeat(4000),
    `a b="${'\\"'.repeat(8000)}`,
    ','.repeat(16_000),
  ])('that are long take no time', (header) => {
    const before = performance.now();
    parseChallenges(header);
    expect(performance.now() - before).toBeLessThan(1000);
  });
});

describe('the way to a host', () => {
  const env = { HTTPS_PROXY: 'http://proxy:3128', http_proxy: 'plain:80' };
  it.each([
    ['https://hub.example', '', 'http://proxy:3128'],
    ['http://hub.example', '', 'http://plain:80'],
    ['https://localhost:5000', '', undefined],
    ['https://127.0.0.7', '', undefined],
    ['https://[::1]:5000', '', undefined],
    ['https://hub.example', '*', undefined],
    ['https://hub.example', 'other, example', undefined],
    ['https://hub.example', 'hub.example:443', undefined],
    ['https://hub.example', 'hub.example:5000', 'http://proxy:3128'],
    ['https://hub.example', '.example', undefined],
    ['https://hub.example', '*.example', undefined],
    ['https://example', '.example', 'http://proxy:3128'],
    ['https://notexample', 'example', 'http://proxy:3128'],
    ['https://10.1.2.3:5000', '10.0.0.0/8', undefined],
    ['https://11.1.2.3', '10.0.0.0/8, 10.0.0.0/99', 'http://proxy:3128'],
    ['https://[fd00::1]', 'fd00::/8', undefined],
    ['https://[fd00::1]', 'fd00::1', undefined],
  ])('%s without %j', (url, NO_PROXY, expected) => {
    expect(proxyFor(new URL(url), { ...env, NO_PROXY })).toBe(expected);
  });
});

describe('insecure registries', () => {
  const hosts = new InsecureHosts(['Reg.example:5000', 'plain.example', '10.1.0.0/16', 'fd00::/8']);
  it.each([
    ['localhost:5000', [], true],
    ['127.0.0.1:5000', ['127.0.0.1'], true],
    ['[::1]:5000', ['::1'], true],
    ['reg.example:5000', ['192.0.2.1'], true],
    ['reg.example', ['192.0.2.1'], false],
    ['plain.example:1234', ['192.0.2.1'], true],
    ['by-address.example', ['192.0.2.1', '10.1.2.3'], true],
    ['six.example', ['fd00::5'], true],
    ['hub.example', ['192.0.2.1'], false],
  ])('%s at %j: %s', (host, addresses, expected) => {
    expect(hosts.includes(host, addresses)).toBe(expected);
  });
});

it('mirrors come before Docker Hub, and are for it alone', () => {
  expect(endpointsOf('docker.io', ['https://mirror/hub/', 'http://plain:5000'])).toEqual([
    { host: 'mirror', prefix: '/hub', role: 'mirror', scheme: 'https' },
    { host: 'plain:5000', prefix: '', role: 'mirror', scheme: 'http' },
    { host: 'registry-1.docker.io', prefix: '', role: 'origin', scheme: 'https' },
  ]);
  expect(endpointsOf('reg:5000', ['https://mirror'])).toEqual([
    { host: 'reg:5000', prefix: '', role: 'origin', scheme: 'https' },
  ]);
});

describe('what a registry says of its refusal', () => {
  const reason = (body: string) => readRefusal(500, {}, body, 0).reason;

  it('is told in one line, without what moves a cursor', () => {
    expect(reason('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no\\u001b[2J\\nsuch"}]}')).toBe(
      'manifest unknown: no [2J such',
    );
    expect(reason('<html>')).toBe('the registry answered with HTTP status 500');
    expect(reason('{"errors":"x"}')).toBe('the registry answered with HTTP status 500');
    expect(reason(`{"errors":[{"code":"X","message":"${'y'.repeat(1000)}"}]}`).length).toBeLessThan(310);
  });

  it.each([
    ['120', 120_000],
    ['Thu, 01 Jan 1970 00:01:30 GMT', 30_000],
    ['soon', undefined],
    [undefined, undefined],
  ])('Retry-After: %s', (value, expected) => {
    expect(readRefusal(429, { 'retry-after': value }, '', 60_000).retryAfterMs).toBe(expected);
  });
});

describe('pauses', () => {
  const refused = (retryAfterMs: number | undefined) =>
    new RegistryRefusal('x', { status: 429, codes: [], reason: '', retryAfterMs });
  const away = new GantryError('UNAVAILABLE', 'x');

  it('grow, differ by chance, and have an end', () => {
    expect([1, 2, 3, 20].map((failures) => pauseAfter(away, failures, () => 0))).toEqual([250, 500, 1000, 15_000]);
    expect(pauseAfter(away, 1, () => 1)).toBe(500);
  });

  it('are as long as the registry asks for, unless that is no use', () => {
    expect(pauseAfter(refused(10_000), 1, () => 0)).toBe(10_250);
    expect(pauseAfter(refused(3_600_000), 1, () => 0)).toBeUndefined();
    expect(pauseAfter(refused(undefined), 1, () => 0)).toBe(250);
  });
});

describe('places', () => {
  it('are given in the order of asking, and not to those who have left', async () => {
    const slots = new Slots(1);
    const nobody = new AbortController().signal;
    const first = Promise.withResolvers<void>();
    const done: string[] = [];
    const running = slots.use(() => first.promise, nobody);
    const leaver = new AbortController();
    const left = slots.use(async () => done.push('left'), leaver.signal);
    const waiting = ['a', 'b'].map((name) => slots.use(async () => done.push(name), nobody));
    leaver.abort();
    await expect(left).rejects.toMatchObject({ code: 'CANCELLED' });
    first.resolve();
    await Promise.all([running, ...waiting]);
    expect(done).toEqual(['a', 'b']);
  });
});

describe('work that is shared', () => {
  const nobody = new AbortController().signal;

  it('fails for all, and is done anew after that', async () => {
    const shared = new SharedWork<number>();
    let starts = 0;
    const fail = async () => {
      starts += 1;
      throw new Error(`failure ${starts}`);
    };
    const both = [1, 2].map(() => shared.join('k', fail, () => undefined, nobody));
    for (const one of both) await expect(one).rejects.toThrow('failure 1');
    await expect(shared.join('k', fail, () => undefined, nobody)).rejects.toThrow('failure 2');
  });

  it('is broken off, and has ended, when the last one leaves', async () => {
    const shared = new SharedWork<number>();
    const heard: number[] = [];
    let ended = false;
    const start = async (report: (progress: number) => void, signal: AbortSignal) => {
      report(1);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      ended = true;
      throw new Error('broken off');
    };
    const leaver = new AbortController();
    const one = shared.join('k', start, (progress) => heard.push(progress), leaver.signal);
    const last = new AbortController();
    const other = shared.join('k', start, (progress) => heard.push(progress), last.signal);
    await Promise.resolve();
    leaver.abort();
    await expect(one).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(ended).toBe(false);
    last.abort();
    await expect(other).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(ended).toBe(true);
    expect(heard).toEqual([1, 1]);
  });
});
