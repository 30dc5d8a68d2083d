/** Registries that lie about their tags, about what an image is, and to those who push. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '../image/content-store.ts';
import { isRoot } from '../image/testing/fixtures.ts';
import {
  type Answer,
  answer,
  BASE,
  HEAD,
  type Lie,
  LyingRegistry,
  manifest,
  text,
  withConfig,
} from './testing/lying-registry.ts';
import { drip } from './testing/raw-answers.ts';

let lying: LyingRegistry;
beforeEach(async () => {
  lying = await LyingRegistry.open();
});
afterEach(() => lying.dispose());

describe.runIf(isRoot)('a list of tags that', () => {
  it.each<[string, Answer, RegExp]>([
    ['is no list', (_, to) => void to.end('{"tags":{}}'), /app: tags of .*app is not an array/],
    ['has what is no tag', (_, to) => void to.end('{"tags":["../../other/manifests/x"]}'), /app: .* is no tag/],
    [
      'leads to itself',
      (_, to) => void to.setHeader('link', '<?n=1000>; rel="next"').end('{"tags":["1"]}'),
      /app: .*leads in circles/,
    ],
    [
      'has no end',
      ({ url = '' }, to) => {
        const page = Number(/x=(\d+)/.exec(url)?.[1] ?? 0) + 1;
        const tags = Array.from({ length: 20_000 }, (_, index) => `${page}.${index}`);
        to.setHeader('link', `<?x=${page}>; rel="next"`).end(JSON.stringify({ tags }));
      },
      /app: .*there are more than 100000/,
    ],
  ])('%s is told of', async (_, how, message) => {
    lying.answer('/tags/list', how);
    await expect(lying.fixture.pull(lying.name('app'), { allTags: true })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
    await lying.expectNothingLeft();
  });
});

describe.runIf(isRoot)('what an image is, asked of a registry that', () => {
  it.each<[string, Lie, string, RegExp]>([
    ['sends a page', text('<html>'), 'INVALID_ARGUMENT', /app:1: the manifest of .*app:1 from .* is not JSON/],
    ['calls an image an index', text('{"config":{},"layers":[],"manifests":[]}'), 'INVALID_ARGUMENT', /both an index/],
    [
      'has a config that is none',
      withConfig(Buffer.from('[]')),
      'INVALID_ARGUMENT',
      /the config of .*app:1 is not an object/,
    ],
    [
      'sends another config',
      answer('/blobs/', (_, to) => void to.end('x')),
      'CORRUPT',
      /the config of .*sent something else/,
    ],
    ['stalls', manifest(() => undefined), 'UNAVAILABLE', /app:1: .*has stalled/],
    ['drips', manifest((to) => drip(to, `${HEAD}\r\n`, ' ')), 'UNAVAILABLE', /app:1: .*has stalled/],
  ])('%s is not told', async (_, spoil, code, message) => {
    spoil(lying);
    const request = { reference: lying.name('app:1'), credentials: undefined };
    await expect(lying.fixture.registries.inspect(request, new AbortController().signal)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    await lying.expectNothingLeft();
  });
});

describe.runIf(isRoot)('a push to a registry that', () => {
  const upload =
    (status: number, headers: Record<string, string>): Answer =>
    (_, to) =>
      void to.writeHead(status, headers).end();
  it.each<[string, string, Answer, string, RegExp]>([
    ['does not say where to', '/uploads/', upload(202, {}), 'INVALID_ARGUMENT', /does not say where to/],
    [
      'says that it is a file',
      '/uploads/',
      upload(202, { location: 'file:///etc/x' }),
      'HOST',
      /wants it sent to .* by file:/,
    ],
    ['says noise', '/uploads/', upload(202, { location: 'http://[' }), 'INVALID_ARGUMENT', /does not say where to/],
    ['answers 200 to an upload', '/uploads/', upload(200, {}), 'INVALID_ARGUMENT', /HTTP status 200/],
    ['stalls', '/uploads/', () => undefined, 'UNAVAILABLE', /has stalled/],
    [
      'has another manifest then',
      '/manifests/',
      upload(201, { 'docker-content-digest': digestOf(BASE) }),
      'CORRUPT',
      /has it as sha256:/,
    ],
  ])('%s is told of', async (_, part, how, code, message) => {
    await lying.fixture.pull(lying.name('app:1'));
    await lying.fixture.stores.images.tag(lying.name('app:1'), lying.name('other:1'));
    lying.answer(part, how);
    const failure: unknown = await lying.fixture.push(lying.name('other:1')).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(failure).toMatchObject({ message: expect.stringMatching(/^pushing .*other:1: /) });
    await lying.expectNoConnection();
  });
});
