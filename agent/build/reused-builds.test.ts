/** Builds of a client's directory that was built before: what hasn't changed is taken as it is, what has never is. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BuildKnownRequest, type BuildKnownResponse } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { BuildResult, ImageBuildOptions, type PinnedImage } from '../../proto/generated/gantry/v1/engine.ts';
import { hasBusybox, isRoot, makeTar } from '../image/testing/fixtures.ts';
import type { BuildMessage } from './build-input.ts';
import { BuilderFixture } from './testing/builder-fixture.ts';

const NEVER = new AbortController().signal;

interface File {
  readonly data: string;
  /** Of a file that is written: another one each time. */
  readonly stamp?: string;
  readonly unsettled?: boolean;
}

type Files = Readonly<Record<string, File>>;

interface Outcome {
  readonly id: string;
  readonly known: PinnedImage | undefined;
  readonly steps: number;
  /** Names of what was asked for. */
  readonly sent: readonly string[];
}

const DOCKERFILE = 'FROM busybox\nCOPY . /app/\nRUN cat /app/a >/seen\n';
const files = (a: File, dockerfile = DOCKERFILE): Files => ({ Dockerfile: { data: dockerfile }, a });

describe.runIf(isRoot && hasBusybox)('a directory that is built again', () => {
  let fixture: BuilderFixture;
  beforeEach(async () => {
    fixture = await BuilderFixture.open();
  });
  afterEach(() => fixture.dispose());

  async function build(directory: Files, more: Partial<ImageBuildOptions> = {}): Promise<Outcome> {
    const options = ImageBuildOptions.create({ tags: ['app:1'], reuse: true, contextId: 'here', ...more });
    const wanted = Promise.withResolvers<readonly number[]>();
    const sent: string[] = [];
    const outcome = { id: '', known: undefined as PinnedImage | undefined, steps: 0, sent };
    for await (const { message } of fixture.builder.build(options, messages(directory, wanted.promise, sent), NEVER)) {
      if (message?.$case === 'wanted') wanted.resolve(message.value.indexes);
      else if (message?.$case === 'imageId') outcome.id = message.value;
      else if (message?.$case === 'known') outcome.known = message.value;
      else if (message?.$case === 'step') outcome.steps += 1;
    }
    return outcome;
  }

  async function* messages(
    directory: Files,
    wanted: Promise<readonly number[]>,
    sent: string[],
  ): AsyncGenerator<BuildMessage> {
    const listed = Object.entries(directory).map(([name, { data, stamp = '', unsettled = false }]) => ({
      ...{ name, mode: 0o100_644, size: data.length, changedAtMs: 1, link: '', stamp, unsettled },
    }));
    yield { $case: 'listing', value: { files: listed, last: true } };
    sent.push(...(await wanted).map((index) => listed[index]?.name ?? ''));
    yield { $case: 'data', value: makeTar(sent.map((name) => ({ name, data: directory[name]?.data ?? '' }))) };
  }

  const forecast = (directory: Files, more: Partial<ImageBuildOptions> = {}) =>
    build(directory, { results: [BuildResult.KNOWN], ...more });

  it('is neither sent nor gone through, also after a restart, and gets its name back', async () => {
    const first = await build(files({ data: 'one' }));
    expect(first.steps).toBe(3);
    expect(await build(files({ data: 'one' }))).toMatchObject({ id: first.id, steps: 0, sent: [] });
    await fixture.openBuilder();
    expect(await build(files({ data: 'one' }), { tags: ['app:2'] })).toMatchObject({
      id: first.id,
      steps: 0,
      sent: [],
    });
    expect((await fixture.stores.images.inspect('app:2')).id).toBe(first.id);
  });

  it('is what another host of the cluster has built from the same sources and base images', async () => {
    const asked: BuildKnownRequest[] = [];
    const tells = (...builds: readonly BuildKnownResponse[]) => {
      fixture.cluster = {
        knownBuilds: async (request) => {
          asked.push(request);
          return builds;
        },
      };
    };
    tells();
    const first = await build(files({ data: 'one' }));
    const [request = BuildKnownRequest.create()] = asked;
    expect(request.repository).toBe('docker.io/library/app');
    // Others could not take it by its digest yet.
    expect(fixture.builder.known(request).digest).toBe('');
    await fixture.stores.images.pin('app:1');
    const answer = fixture.builder.known(request);
    expect(Object.keys(answer.bases)).toEqual(['busybox']);
    const forget = () => fixture.builder.pruneCache({ all: true, filters: [], keepBytes: 0 });
    await forget();
    tells({ ...answer, bases: { busybox: `sha256:${'1'.repeat(64)}` } });
    expect((await build(files({ data: 'one' }))).steps).toBe(3);
    await forget();
    tells(answer);
    expect(await build(files({ data: 'one' }))).toMatchObject({ id: first.id, steps: 0 });
    expect((await build(files({ data: 'two', stamp: '2' }), { noCache: true })).steps).toBe(3);
  });

  it('is built anew when a file has changed, be it of the same size and time', async () => {
    const first = await build(files({ data: 'one', stamp: '1' }));
    const second = await build(files({ data: 'two', stamp: '2' }));
    expect(second.sent).toEqual(['a']);
    expect(second.id).not.toBe(first.id);
    // What was built from these before is still that.
    expect(await build(files({ data: 'one', stamp: '3' }))).toMatchObject({ id: first.id, steps: 0, sent: ['a'] });
    expect((await fixture.stores.images.inspect('app:1')).id).toBe(first.id);
    expect((await build({ ...files({ data: 'one', stamp: '3' }), b: { data: 'more' } })).steps).toBe(3);
    expect((await build(files({ data: 'one', stamp: '3' }, `${DOCKERFILE}ENV A=b\n`))).steps).toBe(3);
  });

  it('is sent again what may have changed unseen, and counts by its content', async () => {
    const first = await build(files({ data: 'one', unsettled: true }));
    expect(await build(files({ data: 'one' }))).toMatchObject({ id: first.id, steps: 0, sent: ['a'] });
    expect(await build(files({ data: 'one' }))).toMatchObject({ id: first.id, steps: 0, sent: [] });
    await build(files({ data: 'old', stamp: '2', unsettled: true }));
    const written = await build(files({ data: 'new', stamp: '2' }));
    expect(written).toMatchObject({ sent: ['a'], steps: 3 });
  });

  it('is built anew with other options, on another base, or when that is asked for', async () => {
    const directory = files({ data: 'one' });
    await build(directory);
    expect((await build(directory, { labels: { a: 'b' } })).steps).toBe(3);
    expect((await build(directory, { noCache: true })).steps).toBe(3);
    expect((await build(directory, { reuse: false })).steps).toBe(3);
    expect((await build(directory)).steps).toBe(0);
    await fixture.build('FROM busybox\nENV NEW=base\n', [], { tags: ['busybox'] });
    expect((await build(directory)).steps).toBe(3);
    await fixture.builder.pruneCache({ all: true, filters: [], keepBytes: 0 });
    expect((await build(directory)).steps).toBe(3);
    await fixture.stores.images.remove('app:1', { force: true, isUsed: () => undefined });
    expect((await build(directory)).steps).toBe(3);
  });

  it('is built anew when it takes files from afar', async () => {
    const server = createServer((_, response) => response.end('far')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const directory = files({ data: 'one' }, `FROM busybox\nADD http://127.0.0.1:${port}/far /far\n`);
    try {
      await build(directory);
      expect((await build(directory)).steps).toBeGreaterThan(0);
    } finally {
      server.close();
    }
  });

  it('is told of without being built or sent', async () => {
    const directory = files({ data: 'one' });
    expect(await forecast(directory)).toEqual({ id: '', known: undefined, steps: 0, sent: [] });
    await build(directory);
    const { manifestDigest: digest } = fixture.stores.images.find('app:1');
    expect(await forecast(directory)).toMatchObject({ known: { digest }, steps: 0, sent: [] });
    expect((await forecast(directory, { args: { A: 'b' } })).known).toBeUndefined();
    expect((await forecast(files({ data: 'two', stamp: '2' }))).known).toBeUndefined();
    expect((await forecast(directory)).known).toBeDefined();
  });
});
