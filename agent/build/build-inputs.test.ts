/** What builds are made from, and what they make: named contexts, downloads, files, and the cache in between. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BuildResult, CacheSteps } from '../../proto/generated/gantry/v1/engine.ts';
import { hasBusybox, inPieces, isRoot, type TestEntry } from '../image/testing/fixtures.ts';
import { BuilderFixture } from './testing/builder-fixture.ts';

const NEVER = new AbortController().signal;

function listTar(archive: Buffer): string[] {
  const names = execFileSync('tar', ['-t'], { input: archive, encoding: 'utf8' });
  return names.split('\n').filter((name) => name !== '');
}

describe.runIf(isRoot && hasBusybox)('a build', () => {
  let fixture: BuilderFixture;
  beforeEach(async () => {
    fixture = await BuilderFixture.open();
  });
  afterEach(async () => {
    for (const place of ['build/contexts', 'build/mounts'])
      expect(readdirSync(join(fixture.stores.dir, place))).toEqual([]);
    await fixture.dispose();
  });

  describe('with named contexts', () => {
    const FILES: readonly TestEntry[] = [
      { name: 'bin/' },
      { name: 'bin/tool', data: 'tool' },
      { name: '.dockerignore', data: 'left' },
      { name: 'left', data: 'x' },
    ];
    const build = (dockerfile: string, files = FILES) => fixture.build(dockerfile, [], {}, NEVER, { extra: files });

    it('takes files from them, and stages on them', async () => {
      const { id } = await build('FROM extra AS a\nFROM scratch\nCOPY --from=extra / /copied/\nCOPY --from=a /bin /\n');
      await fixture.withRootfs(id, (root) => {
        expect(readdirSync(join(root, 'copied')).sort()).toEqual(['.dockerignore', 'bin']);
        expect(readFileSync(join(root, 'tool'), 'utf8')).toBe('tool');
      });
    });

    it('takes what is the same from the cache, and nothing else', async () => {
      const dockerfile = 'FROM busybox\nRUN --mount=from=extra,target=/extra echo seen > /seen\n';
      await build(dockerfile);
      expect((await build(dockerfile)).steps.at(-1)?.cached).toBe(true);
      const changed = FILES.map((file) => (file.name === 'bin/tool' ? { ...file, data: 'other' } : file));
      expect((await build(dockerfile, changed)).steps.at(-1)?.cached).toBe(false);
    });

    it('puts them before stages and images of the same name', async () => {
      fixture.registry.set('far:1', fixture.busybox);
      const namedContexts = { busybox: 'docker-image://far:1', made: 'docker-image://busybox' };
      await fixture.build('FROM docker.io/library/busybox:latest\n', [], { namedContexts });
      expect(fixture.brought).toEqual(['far:1']);
      const shadowed = 'FROM scratch AS made\nFROM scratch\nCOPY --from=made /bin/busybox /\n';
      const { id, steps } = await fixture.build(shadowed, [], { namedContexts });
      expect(steps).toHaveLength(2);
      await fixture.withRootfs(id, (root) => expect(readdirSync(root)).toEqual(['busybox']));
    });

    it('refuses one that is not sent', async () => {
      await expect(fixture.build('FROM scratch\n', [], { namedContexts: { extra: '' } })).rejects.toThrow(
        'the context extra was not sent',
      );
    });
  });

  describe('COPY --link', () => {
    const LINKED = 'COPY --link file /tmp/\n';
    const FILES: readonly TestEntry[] = [{ name: 'file', data: 'x' }];

    it('is not made again on another base, and leaves its directories as they are', async () => {
      const first = await fixture.build(`FROM busybox\nRUN chmod 1777 /tmp\n${LINKED}`, FILES);
      const second = await fixture.build(`FROM busybox\nRUN chmod 1770 /tmp\n${LINKED}RUN cat /tmp/file\n`, FILES);
      expect(second.steps.map(({ cached }) => cached)).toEqual([false, false, true, false]);
      expect(second.output).toBe('x');
      const layers = [first, second].map(({ id }) =>
        fixture.stores.images.find(id).manifest.layers.map((l) => l.digest),
      );
      expect(layers[0]?.[2]).toBe(layers[1]?.[2]);
      for (const [{ id }, mode] of [[first, 0o1777] as const, [second, 0o1770] as const]) {
        await fixture.withRootfs(id, (root) => expect(statSync(join(root, 'tmp')).mode & 0o7777).toBe(mode));
      }
    });

    it('is made again when its files change, and asks the base for names of owners', async () => {
      await fixture.build(`FROM busybox\n${LINKED}`, FILES);
      const changed = await fixture.build(`FROM busybox\n${LINKED}`, [{ name: 'file', data: 'y' }]);
      expect(changed.steps.at(-1)?.cached).toBe(false);
      const { id } = await fixture.build('FROM busybox\nCOPY --link --chown=www file /tmp/\n', FILES);
      await fixture.withRootfs(id, (root) => expect(statSync(join(root, 'tmp/file')).uid).toBe(33));
    });
  });

  it('takes steps from an image of another host that says what it is from', async () => {
    const dockerfile = 'FROM busybox\nRUN echo a > /a\nRUN echo nothing\nCOPY --link <<f /d/\nx\nf\n';
    const first = await fixture.build(dockerfile, [], { tags: ['kept'], inlineCache: true });
    const archive: Buffer[] = [];
    for await (const chunk of fixture.stores.images.save(['kept:latest'])) archive.push(chunk);
    const other = await BuilderFixture.open(fixture.busybox);
    try {
      await other.stores.images.load(inPieces(Buffer.concat(archive)));
      const cold = await other.build(dockerfile, [], { cacheImages: ['kept', 'gone'] });
      expect(cold.steps.slice(1).map(({ cached }) => cached)).toEqual([true, true, true]);
      expect(cold.output).toContain('warning: no build cache from gone: manifest for gone not found');
      const layers = (of: BuilderFixture, id: string) => of.stores.images.find(id).document.diffIds;
      expect(layers(other, cold.id)).toEqual(layers(fixture, first.id));
    } finally {
      await other.dispose();
    }
  });

  it('takes steps of all stages from an image that is for caches alone', async () => {
    const dockerfile =
      'FROM busybox AS a\nRUN echo a > /a\nRUN echo b > /b\nFROM busybox\nRUN echo c > /c\nCOPY --from=a /a /copied\n';
    const cacheExport = { steps: CacheSteps.ALL, references: ['cache:1'], files: true };
    const first = await fixture.build(dockerfile, [], { cacheExport });
    expect(first.output).toContain('build cache written to cache:1\n');
    expect(fixture.caches.get('cache:1')?.manifest.layers).toHaveLength(5);
    expect(fixture.stores.images.state.images.size).toBe(2);
    const other = await BuilderFixture.open(fixture.busybox);
    try {
      const [cache = ''] = await other.stores.images.load(inPieces(first.archive));
      const { steps, id } = await other.build(dockerfile, [], { cacheImages: [cache] });
      expect(steps.filter(({ text }) => !text.startsWith('FROM')).map(({ cached }) => cached)).toEqual(
        Array.from({ length: 4 }, () => true),
      );
      await other.withRootfs(id, (root) => expect(readdirSync(root)).toEqual(expect.arrayContaining(['copied', 'c'])));
      await other.stores.images.remove(cache, { force: false, isUsed: () => undefined });
      await other.builder.pruneCache({ all: true, filters: [], keepBytes: 0 });
      other.archives.set('far/cache:1', first.archive);
      const before = [...other.stores.images.names().keys()];
      const again = await other.build(dockerfile, [], { cacheImages: ['far/cache:1'] });
      expect(again.steps.filter(({ cached }) => cached)).toHaveLength(4);
      expect([...other.stores.images.names().keys()]).toEqual(before);
    } finally {
      await other.dispose();
    }
  });

  it('takes an image from a layout that is sent, and leaves nothing of it', async () => {
    const other = await BuilderFixture.open(fixture.busybox);
    try {
      const { id } = await other.build('FROM busybox\nRUN echo far > /far\n');
      const pieces: Buffer[] = [];
      for await (const chunk of other.stores.images.save([id])) pieces.push(chunk);
      const before = [...fixture.stores.images.state.images.keys()];
      const built = await fixture.buildOn('FROM base\nRUN cat /far\n', { base: Buffer.concat(pieces) });
      expect(built.output).toContain('far\n');
      await fixture.stores.images.remove(built.id, { force: false, isUsed: () => undefined });
      expect([...fixture.stores.images.state.images.keys()]).toEqual(before);
    } finally {
      await other.dispose();
    }
  });

  it('writes annotations into the manifest, which do not change the image', async () => {
    const { id } = await fixture.build('FROM busybox\nRUN echo x > /x\n', [], { tags: ['plain'] });
    const annotated = await fixture.build('FROM busybox\nRUN echo x > /x\n', [], {
      tags: ['annotated'],
      annotations: { b: '2', a: '1' },
    });
    expect(annotated.id).toBe(id);
    const { images } = fixture.stores;
    const { manifestDigest } = images.find('annotated');
    expect(JSON.parse((await images.content.read(manifestDigest, 1 << 20)).toString())).toMatchObject({
      annotations: { a: '1', b: '2' },
    });
    expect(images.find('plain').manifestDigest).not.toBe(manifestDigest);
  });

  it('makes the same image on two hosts, and after its cache is gone, of sources with a time', async () => {
    const dockerfile =
      'FROM busybox\nARG WHO=x\nENV A=b\nWORKDIR /w\nRUN echo $WHO > made && mkdir d && ln made d/hard && ln -s made link\nCOPY --link file /linked/\nCOPY file .\n';
    const build = (on: BuilderFixture) =>
      on.build(dockerfile, [{ name: 'file', data: 'x' }], { args: { SOURCE_DATE_EPOCH: '1500000000' } });
    const { id } = await build(fixture);
    const other = await BuilderFixture.open(fixture.busybox);
    try {
      expect((await build(other)).id).toBe(id);
      await other.builder.pruneCache({ all: true, filters: [], keepBytes: 0 });
      const again = await build(other);
      expect(again.id).toBe(id);
      expect(again.steps.some(({ cached }) => cached)).toBe(false);
      expect(other.stores.images.find(id).manifestDigest).toBe(fixture.stores.images.find(id).manifestDigest);
    } finally {
      await other.dispose();
    }
  });

  it('runs the steps of chosen stages again', async () => {
    const dockerfile = 'FROM busybox AS a\nRUN echo a > /a\nFROM busybox\nRUN echo b > /b\nCOPY --from=a /a /copied\n';
    await fixture.build(dockerfile);
    const { steps } = await fixture.build(dockerfile, [], { noCacheStages: ['a'] });
    expect(steps.filter(({ text }) => text.startsWith('RUN')).map(({ text, cached }) => `${text} ${cached}`)).toEqual(
      expect.arrayContaining(['RUN echo a > /a false', 'RUN echo b > /b true']),
    );
    await expect(fixture.build(dockerfile, [], { noCacheStages: ['c'] })).rejects.toThrow('there is no stage "c"');
  });

  it('gives its files instead of an image', async () => {
    const files = await fixture.build('FROM scratch\nCOPY <<a <<b /d/\n1\na\n2\nb\n', [], {
      results: [BuildResult.FILES],
    });
    expect(files.id).toBe('');
    expect(listTar(files.archive)).toEqual(['d/', 'd/a', 'd/b']);
    const empty = await fixture.build('FROM scratch\nENV A=b\n', [], {
      results: [BuildResult.FILES, BuildResult.IMAGE],
    });
    expect(empty.id).toMatch(/^sha256:/);
    expect(listTar(empty.archive)).toEqual([]);
  });

  it('says what is to be said of the Dockerfile, and stops there when it is told to', async () => {
    const { warnings, id } = await fixture.build('FROM busybox as x\nRUN exit 1\nCMD echo\n', [], {
      results: [BuildResult.CHECK],
    });
    expect(warnings).toEqual(['FromAsCasing:1', 'JSONArgsRecommended:3']);
    expect(id).toBe('');
    const strict = '# check=skip=FromAsCasing;error=true\nFROM busybox as x\nCMD echo\n';
    await expect(fixture.build(strict)).rejects.toThrow('lint violation found for rules: JSONArgsRecommended');
    expect((await fixture.build(`# check=skip=all\nFROM busybox as x\nCMD echo\n`)).warnings).toEqual([]);
  });

  it('shows the lines that a failure is about', async () => {
    await expect(fixture.build('FROM busybox\nRUN false\n')).rejects.toThrow('exit code 1');
    expect(fixture.excerpt).toContain('   2 | >>> RUN false\n');
  });

  describe('with files from servers', () => {
    let server: Server;
    let url: string;
    const asked: string[] = [];
    let served = { etag: '"1"', text: 'one' };

    beforeEach(async () => {
      asked.length = 0;
      served = { etag: '"1"', text: 'one' };
      server = createServer(({ url: path, headers }, response) => {
        const condition = headers['if-none-match'];
        asked.push(`${path} ${condition ?? '-'}`);
        if (path === '/slow') return;
        if (condition === served.etag) response.writeHead(304).end();
        else response.writeHead(200, { etag: served.etag }).end(served.text);
      });
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterEach(() => {
      server.closeAllConnections();
      server.close();
    });

    const content = async (name: string) => {
      const { id, steps } = await fixture.build(`FROM scratch\nADD ${url}/file /${name}\n`);
      const text = await fixture.withRootfs(id, (root) => readFileSync(join(root, name), 'utf8'));
      return `${text}${steps.at(-1)?.cached === true ? ' cached' : ''}`;
    };

    it('downloads them again only when they have changed, also after a restart', async () => {
      expect(await content('a')).toBe('one');
      expect(await content('a')).toBe('one cached');
      await fixture.openBuilder();
      expect(await content('b')).toBe('one');
      served = { etag: '"2"', text: 'two' };
      expect(await content('b')).toBe('two');
      expect(asked).toEqual(['/file -', '/file "1"', '/file "1"', '/file "1"']);
      expect(fixture.builder.cacheUsage().filter(({ sizeBytes }) => sizeBytes === 3)).not.toEqual([]);
      await fixture.builder.pruneCache({ all: true, filters: [], keepBytes: 0 });
      expect(readdirSync(join(fixture.stores.dir, 'build/downloads'))).toEqual([]);
      expect(await content('b')).toBe('two');
      expect(asked.at(-1)).toBe('/file -');
    });

    it('does not wait for another build once it is cancelled', async () => {
      const dockerfile = `FROM scratch\nADD ${url}/slow /x\n`;
      const [first, second] = [new AbortController(), new AbortController()];
      const slow = fixture.build(dockerfile, [], {}, first.signal);
      await expect.poll(() => asked).toEqual(['/slow -']);
      const waiting = fixture.build(dockerfile, [], { noCache: true }, second.signal);
      second.abort();
      await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
      first.abort();
      await expect(slow).rejects.toMatchObject({ code: 'CANCELLED' });
    });

    it('asks nobody for what is here by its digest', async () => {
      const digest = '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed';
      const add = (sum: string) => fixture.build(`FROM scratch\nADD --checksum=sha256:${sum} ${url}/file /x\n`);
      await add(digest);
      await add(digest);
      expect(asked).toHaveLength(1);
      await expect(add('0'.repeat(64))).rejects.toThrow(`its digest is sha256:${digest}`);
      expect(await content('x')).toContain('one');
    });
  });
});
