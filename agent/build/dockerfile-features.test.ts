import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasBusybox, isRoot, makeTar, type TestEntry } from '../image/testing/fixtures.ts';
import { BuilderFixture } from './testing/builder-fixture.ts';

const FILES: readonly TestEntry[] = [
  { name: 'src/' },
  { name: 'src/a.txt', data: 'a' },
  { name: 'src/b.md', data: 'b' },
  { name: 'src/deep/' },
  { name: 'src/deep/c.txt', data: 'c', mode: 0o700 },
];

/** Paths of all files below, sorted. */
function filesIn(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

describe.runIf(isRoot && hasBusybox)('features of Dockerfiles', () => {
  let fixture: BuilderFixture;
  beforeEach(async () => {
    fixture = await BuilderFixture.open();
  });
  afterEach(async () => {
    for (const place of ['build/contexts', 'build/mounts'])
      expect(readdirSync(join(fixture.stores.dir, place))).toEqual([]);
    await fixture.dispose();
  });

  it('COPY keeps parents and leaves out what is excluded', async () => {
    const { id } = await fixture.build(
      [
        'FROM scratch',
        'COPY --parents src/*.txt src/deep /parents/',
        'COPY --parents ./src/./deep/c.txt /pivot/',
        'COPY --parents **/*.txt /all/',
        'COPY --exclude=*.md --exclude=deep src /without/',
        'COPY --exclude=*.md --link src/* /files/',
      ].join('\n'),
      FILES,
    );
    await fixture.withRootfs(id, (root) => {
      expect(filesIn(join(root, 'parents'))).toEqual(['src/a.txt', 'src/deep/c.txt']);
      expect(filesIn(join(root, 'pivot'))).toEqual(['deep/c.txt']);
      expect(filesIn(join(root, 'all'))).toEqual(['src/a.txt', 'src/deep/c.txt']);
      expect(filesIn(join(root, 'without'))).toEqual(['a.txt']);
      expect(filesIn(join(root, 'files'))).toEqual(['a.txt', 'c.txt']);
    });
  });

  it('COPY takes what may be there by a pattern, and nothing is fine', async () => {
    const { id } = await fixture.build('FROM scratch\nCOPY src/a.txt src/*.lock /x/\nCOPY *.none /y/\n', FILES);
    await fixture.withRootfs(id, (root) => expect(filesIn(root)).toEqual(['x/a.txt']));
  });

  it('files that are excluded are no reason to copy again', async () => {
    const dockerfile = 'FROM scratch\nCOPY --exclude=*.md src /\n';
    await fixture.build(dockerfile, FILES);
    const changed = FILES.map((file) => (file.name === 'src/b.md' ? { ...file, data: 'other' } : file));
    expect((await fixture.build(dockerfile, changed)).steps.at(-1)).toMatchObject({ cached: true, place: '2/2' });
  });

  it('modes may be symbolic', async () => {
    const { id } = await fixture.build('FROM scratch\nCOPY --chmod=u=rwX,go=rX src /x\n', FILES);
    await fixture.withRootfs(id, (root) => {
      expect(statSync(join(root, 'x/a.txt')).mode & 0o777).toBe(0o644);
      expect(statSync(join(root, 'x/deep/c.txt')).mode & 0o777).toBe(0o755);
    });
  });

  it('ONBUILD instructions run in what is built on the image, and there alone', async () => {
    await fixture.build('FROM busybox\nONBUILD COPY src/a.txt /a\nONBUILD RUN echo "of $WHO" > /who\n', FILES, {
      tags: ['base'],
    });
    const { id, steps } = await fixture.build('FROM base\nARG WHO=x\nRUN echo own > /own\n', FILES, {
      tags: ['child'],
    });
    expect(steps.map(({ place, text }) => `${place} ${text}`)).toEqual([
      '1/2 FROM base',
      '2/4 COPY src/a.txt /a',
      '3/4 RUN echo "of $WHO" > /who',
      '4/4 RUN echo own > /own',
    ]);
    await fixture.withRootfs(id, (root) => expect(readFileSync(join(root, 'a'), 'utf8')).toBe('a'));
    expect((await fixture.stores.images.inspect('base')).onBuild).toHaveLength(2);
    expect((await fixture.stores.images.inspect('child')).onBuild).toEqual([]);
  });

  it('ONBUILD instructions may copy from stages of the file', async () => {
    await fixture.build('FROM busybox\nONBUILD COPY --from=assets /made /made\n', [], { tags: ['base'] });
    const { id } = await fixture.build('FROM busybox AS assets\nRUN echo x > /made\nFROM base\n');
    await fixture.withRootfs(id, (root) => expect(readFileSync(join(root, 'made'), 'utf8')).toBe('x\n'));
    await expect(fixture.build('FROM base\n')).rejects.toThrow(/manifest for assets not found/);
  });

  it('stages that do not need each other are built at once', async () => {
    const stage = (name: string) => `FROM busybox AS ${name}\nRUN echo of ${name}; sleep 1000\n`;
    const controller = new AbortController();
    const dockerfile = `${stage('a')}${stage('b')}FROM scratch\nCOPY --from=a / /\nCOPY --from=b / /\n`;
    const building = fixture.build(dockerfile, [], {}, controller.signal);
    await expect
      .poll(() => new Set(fixture.runner.ran.map((argv) => argv.at(-1)?.slice(0, 9))))
      .toEqual(new Set(['echo of a', 'echo of b']));
    controller.abort();
    await expect(building).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('the failure of one stage ends the others', async () => {
    const dockerfile =
      'FROM busybox AS slow\nRUN echo waiting; sleep 1000\nFROM busybox AS bad\nRUN exit 3\nFROM scratch\nCOPY --from=slow / /\nCOPY --from=bad / /\n';
    await expect(fixture.build(dockerfile)).rejects.toThrow('Dockerfile:4: RUN exit 3: exit code 3');
  });

  it('SOURCE_DATE_EPOCH makes images that are the same to the byte', async () => {
    const dockerfile =
      'FROM scratch AS x\nCOPY src /src\nFROM busybox\nWORKDIR /w\nRUN echo made > made\nCOPY --from=x /src .\nCOPY <<EOF /doc\ntext\nEOF\n';
    const options = { args: { SOURCE_DATE_EPOCH: '1500000000' }, noCache: true };
    const first = await fixture.build(dockerfile, FILES, options);
    const second = await fixture.build(dockerfile, FILES, options);
    expect(second.id).toBe(first.id);
    expect(second.output).toBe('');
    const { document, manifest } = fixture.stores.images.find(first.id);
    expect(document.created).toBe('2017-07-14T02:40:00.000Z');
    const listing = manifest.layers
      .slice(1)
      .map(({ digest }) =>
        execFileSync('tar', ['--utc', '-tvf', fixture.stores.images.content.path(digest)]).toString(),
      );
    expect(listing.join('')).toMatch(/2017-07-14 02:40 w\/made/);
    expect(listing.join('')).not.toMatch(/202\d-/);
    await expect(fixture.build(dockerfile, FILES, { args: { SOURCE_DATE_EPOCH: 'now' } })).rejects.toThrow(
      /is no time/,
    );
  });

  it('builds for other platforms what needs none of their programs', async () => {
    const { os, architecture } = fixture.stores.images.platform;
    const own = `${os}/${architecture}`;
    await fixture.build('FROM busybox\n', [], { platform: own });
    const options = { platform: 'linux/s390x' };
    const { id } = await fixture.build(
      [
        'FROM --platform=$BUILDPLATFORM busybox AS build',
        'ARG TARGETARCH',
        'ARG BUILDPLATFORM',
        'RUN echo "$TARGETARCH on $BUILDPLATFORM" > /made',
        'FROM scratch',
        'COPY --from=build /made /',
      ].join('\n'),
      [],
      options,
    );
    expect(fixture.stores.images.find(id).document).toMatchObject({ os: 'linux', architecture: 's390x' });
    await fixture.withRootfs(id, (root) => expect(readFileSync(join(root, 'made'), 'utf8')).toBe(`s390x on ${own}\n`));
    await expect(fixture.build('FROM scratch\nRUN ["x"]\n', [], options)).rejects.toThrow(
      `Dockerfile:2: RUN ["x"]: this host is ${own} and cannot run programs of linux/s390x`,
    );
    fixture.registry.set('far', fixture.busybox);
    await expect(fixture.build('FROM far\n', [], options)).rejects.toThrow(
      `Dockerfile:1: far is for ${own}, and the stage for linux/s390x`,
    );
  });

  it('knows the ARGs of the stage that a stage is built on', async () => {
    const { output } = await fixture.build(
      'FROM busybox AS base\nARG WHO=joe\nFROM base\nRUN echo "hello $WHO"\nFROM base AS other\n',
      [],
      { target: '1' },
    );
    expect(output).toBe('hello joe\n');
  });

  it.each(['xz', 'bzip2'])('ADD unpacks archives of %s', async (program) => {
    const archive = execFileSync(program, ['-c'], { input: makeTar([{ name: 'd/' }, { name: 'd/f', data: 'x' }]) });
    const dockerfile = 'FROM scratch\nADD a.tar /in/\nADD --unpack=false a.tar /kept\n';
    const { id } = await fixture.build(dockerfile, [{ name: 'a.tar', data: archive }]);
    await fixture.withRootfs(id, (root) => {
      expect(filesIn(join(root, 'in'))).toEqual(['d/f']);
      expect(readFileSync(join(root, 'kept'))).toEqual(archive);
    });
  });

  describe('from elsewhere', () => {
    let server: Server;
    let url: string;
    let repository: string;
    const served = new Map<string, Buffer>();

    beforeAll(async () => {
      repository = mkdtempSync(join(tmpdir(), 'gantry-build-git-'));
      const git = (...args: string[]) =>
        execFileSync('git', ['-C', repository, '-c', 'user.name=x', '-c', 'user.email=x@example.com', ...args]);
      git('init', '--quiet', '--initial-branch=main');
      mkdirSync(join(repository, 'docs'));
      writeFileSync(join(repository, 'docs/readme'), 'of main');
      writeFileSync(join(repository, 'Dockerfile'), 'FROM scratch\nCOPY docs /\n');
      git('add', '.');
      git('commit', '--quiet', '-m', 'first');
      git('update-server-info');
      server = createServer((request, response) => {
        const path = new URL(request.url ?? '/', 'http://x').pathname;
        if (path === '/moved') return response.writeHead(302, { location: '/file.txt' }).end();
        if (path.startsWith('/repo.git/')) return serve(readOr(join(repository, '.git', path.slice(10))));
        serve(served.get(path));
        function serve(data: Buffer | undefined): void {
          const headers = { 'last-modified': 'Thu, 01 Jan 2015 00:00:00 GMT' };
          if (data === undefined) response.writeHead(404).end();
          else response.writeHead(200, headers).end(data);
        }
      });
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      served.set('/file.txt', Buffer.from('served'));
      served.set(
        '/a.tar',
        makeTar([
          { name: 'Dockerfile', data: 'FROM scratch\nCOPY f /\n' },
          { name: 'f', data: 'x' },
        ]),
      );
    });
    afterAll(() => {
      server.close();
      rmSync(repository, { recursive: true, force: true });
    });

    it('ADD downloads, as it is', async () => {
      const dockerfile = `FROM scratch\nADD ${url}/moved /one\nADD ${url}/file.txt ${url}/a.tar /in/\nADD --unpack ${url}/a.tar /out/\n`;
      const { id } = await fixture.build(dockerfile);
      await fixture.withRootfs(id, (root) => {
        expect(filesIn(root)).toEqual(['in/a.tar', 'in/file.txt', 'one', 'out/Dockerfile', 'out/f']);
        const stats = statSync(join(root, 'one'));
        expect(stats.mtime.toISOString()).toBe('2015-01-01T00:00:00.000Z');
        expect(stats.mode & 0o777).toBe(0o600);
      });
      const again = await fixture.build(dockerfile);
      expect(
        again.steps
          .filter(({ place }) => place !== 'internal')
          .slice(1)
          .every(({ cached }) => cached),
      ).toBe(true);
    });

    it('ADD checks what it is told to', async () => {
      const digest = createHash('sha256').update('served').digest('hex');
      await fixture.build(`FROM scratch\nADD --checksum=sha256:${digest} ${url}/file.txt /x\n`);
      const wrong = `FROM scratch\nADD --checksum=sha256:${'0'.repeat(64)} ${url}/file.txt /x\n`;
      await expect(fixture.build(wrong)).rejects.toThrow(`Dockerfile:2: downloading ${url}/file.txt: its digest is`);
      await expect(fixture.build(`FROM scratch\nADD ${url}/none /x\n`)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    it('ADD takes repositories, with their history if it is wanted', async () => {
      const dockerfile = `FROM scratch\nADD ${url}/repo.git#main:docs /docs\nADD --keep-git-dir=true ${url}/repo.git /all\n`;
      const { id } = await fixture.build(dockerfile);
      await fixture.withRootfs(id, (root) => {
        expect(filesIn(join(root, 'docs'))).toEqual(['readme']);
        expect(readdirSync(join(root, 'all')).sort()).toEqual(['.git', 'Dockerfile', 'docs']);
      });
      const commit = execFileSync('git', ['-C', repository, 'rev-parse', 'HEAD']).toString().trim();
      await fixture.build(`FROM scratch\nADD --checksum=${commit} ${url}/repo.git#${commit.slice(0, 12)} /x\n`);
      await expect(fixture.build(`FROM scratch\nADD ${url}/repo.git#none /x\n`)).rejects.toThrow(
        /Dockerfile:2: cloning .*none/,
      );
    });

    it('contexts come by URL: an archive, a repository, a Dockerfile alone', async () => {
      served.set('/Dockerfile', Buffer.from('FROM busybox\nRUN echo alone > /x\n'));
      const of = async (contextUrl: string) => {
        const { id } = await fixture.build('', [], { contextUrl });
        return await fixture.withRootfs(id, (root) => filesIn(root).filter((name) => !/^(bin|etc|dev)/.test(name)));
      };
      expect(await of(`${url}/a.tar`)).toEqual(['f']);
      expect(await of(`${url}/repo.git#main`)).toEqual(['readme']);
      expect(await of(`${url}/Dockerfile`)).toEqual(['x']);
      await expect(of(`${url}/none`)).rejects.toThrow(/fetching the build context from .*404/);
    });
  });
});

function readOr(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
