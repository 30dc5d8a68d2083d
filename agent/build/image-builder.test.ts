import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import { hasBusybox, isRoot, makeTar, type TestEntry } from '../image/testing/fixtures.ts';
import { BuilderFixture, messagesOf } from './testing/builder-fixture.ts';

const NEVER = new AbortController().signal;

describe.runIf(isRoot && hasBusybox)('building images', () => {
  let fixture: BuilderFixture;
  beforeEach(async () => {
    fixture = await BuilderFixture.open();
  });
  afterEach(() => fixture.dispose());

  it('brings base images that are not here, once, and all of them again when told to', async () => {
    fixture.registry.set('far:1', fixture.busybox).set('busybox', fixture.busybox);
    const dockerfile =
      'FROM far:1 AS a\nFROM busybox\nCOPY --from=far:1 /bin/busybox /far\nCOPY --from=a /bin/busybox /a';
    const { output } = await fixture.build(dockerfile);
    expect(fixture.brought).toEqual(['far:1']);
    expect(output).toContain('Status: Downloaded newer image for far:1\n');
    await fixture.build(dockerfile, [], { pull: true });
    expect(fixture.brought).toEqual(['far:1', 'far:1', 'busybox']);
    await expect(fixture.build('FROM busybox\nCOPY --from=gone /x /x')).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: expect.stringMatching(/^Dockerfile:2: .*manifest for gone not found/),
    });
  });

  it('runs commands, copies files and sets the config', async () => {
    const { id, steps, output } = await fixture.build(
      [
        'FROM busybox',
        'ARG WHO=world',
        'WORKDIR /app',
        'COPY hello.txt sub/ ./',
        'RUN echo "hello $WHO" | tee out && pwd',
        'RUN ["/bin/rm", "hello.txt"]',
        'LABEL a=b',
        'EXPOSE 80',
        'CMD ["/app/run"]',
      ].join('\n'),
      [{ name: 'hello.txt', data: 'hi', uid: 1000, mode: 0o640 }, { name: 'sub/' }, { name: 'sub/inner', data: 'x' }],
      { tags: ['app', 'app:2'], args: { WHO: 'you' }, labels: { c: 'd' } },
    );
    expect(steps.map(({ text }) => text.split(' ')[0])).toEqual(['FROM', 'WORKDIR', 'COPY', 'RUN', 'RUN']);
    expect(output).toBe('hello you\n/app\n');
    expect(await fixture.stores.images.inspect('app:2')).toMatchObject({
      id,
      tags: ['app:2', 'app:latest'],
      config: {
        command: ['/app/run'],
        dir: '/app',
        labels: { a: 'b', c: 'd' },
        exposedPorts: ['80/tcp'],
        env: ['PATH=/bin'],
      },
      layers: 5,
    });
    await fixture.withRootfs(id, (root) => {
      expect(readdirSync(join(root, 'app')).sort()).toEqual(['inner', 'out']);
      expect(readFileSync(join(root, 'app/out'), 'utf8')).toBe('hello you\n');
    });
  });

  it('makes images that other tools can read back layer by layer', async () => {
    const { id } = await fixture.build(
      'FROM busybox\nRUN mkdir /d && echo 1 > /d/a && ln /d/a /d/b && chmod 4711 /d/a\nRUN rm /d/b && rm -r /etc && mkdir /etc\n',
    );
    const { manifest, document } = fixture.stores.images.find(id);
    expect(manifest.layers.map(({ digest }) => digest).slice(1)).toEqual(document.diffIds.slice(1));
    const list = (index: number) =>
      execFileSync(
        'tar',
        [
          '-tf',
          fixture.stores.images.content.path(manifest.layers[index]?.digest ?? fixture.stores.images.find(id).id),
        ],
        { encoding: 'utf8' },
      )
        .trim()
        .split('\n');
    expect(list(1)).toEqual(['./', 'd/', 'd/a', 'd/b']);
    expect(list(2)).toEqual(['./', 'd/', 'd/.wh.b', 'etc/', 'etc/.wh..wh..opq']);
    await fixture.withRootfs(id, (root) => {
      expect(readdirSync(join(root, 'd'))).toEqual(['a']);
      expect(readdirSync(join(root, 'etc'))).toEqual([]);
      expect(statSync(join(root, 'd/a')).mode & 0o7777).toBe(0o4711);
    });
  });

  it('takes steps from the cache, also after a restart, until their input changes', async () => {
    const dockerfile = 'FROM busybox\nCOPY a b /x/\nRUN echo one > /one\nRUN echo two\nENV A=b\n';
    const files: TestEntry[] = [
      { name: 'a', data: 'a' },
      { name: 'b', data: 'b' },
    ];
    const first = await fixture.build(dockerfile, files);
    await fixture.stores.reopen();
    await fixture.openBuilder();
    const again = await fixture.build(
      dockerfile,
      files.map((file) => ({ ...file, mtime: 1_234_567_890, uid: 77 })),
    );
    expect(again.id).toBe(first.id);
    expect(again.steps.map(({ cached }) => cached)).toEqual([false, true, true, true]);
    expect(fixture.runner.ran).toEqual([]);
    const changed = await fixture.build(dockerfile, [
      { name: 'a', data: 'A' },
      { name: 'b', data: 'b' },
    ]);
    expect(changed.steps.map(({ cached }) => cached)).toEqual([false, false, false, false]);
    const executable = await fixture.build(dockerfile, [
      { name: 'a', data: 'a', mode: 0o755 },
      { name: 'b', data: 'b' },
    ]);
    expect(executable.steps[1]?.cached).toBe(false);
    const fresh = await fixture.build(dockerfile, files, { noCache: true });
    expect(fresh.steps.some(({ cached }) => cached)).toBe(false);
  });

  it('keeps what the cache needs when images go', async () => {
    const { id } = await fixture.build('FROM busybox\nRUN echo one > /one\n');
    await fixture.stores.images.remove(id, { force: true, isUsed: () => undefined });
    await fixture.stores.images.garbage.settled();
    expect((await fixture.build('FROM busybox\nRUN echo one > /one\n')).steps[1]?.cached).toBe(true);
  });

  it('builds in stages and leaves out those not needed', async () => {
    const { id, steps } = await fixture.build(
      [
        'FROM busybox AS build',
        'RUN mkdir /out && echo made > /out/file && chown 33:33 /out/file',
        'FROM busybox AS unused',
        'RUN exit 1',
        'FROM scratch',
        'COPY --from=build /out /',
        'COPY --from=busybox --chown=5:6 /bin/busybox /bin/',
      ].join('\n'),
    );
    expect(steps.map(({ text }) => text)).not.toContain('RUN exit 1');
    await fixture.withRootfs(id, (root) => {
      expect(readdirSync(root).sort()).toEqual(['bin', 'file']);
      expect(statSync(join(root, 'file'))).toMatchObject({ uid: 33, gid: 33 });
      expect(statSync(join(root, 'bin/busybox'))).toMatchObject({ uid: 5, gid: 6 });
    });
  });

  it('copies as COPY does', async () => {
    const files: TestEntry[] = [
      { name: 'dir/' },
      { name: 'dir/one.txt', data: '1', mode: 0o600, uid: 9 },
      { name: 'dir/two.md', data: '2' },
      { name: 'dir/link', type: 'symlink', linkName: '/etc/passwd' },
      { name: 'up', type: 'symlink', linkName: '../../../../etc/hostname' },
    ];
    const { id } = await fixture.build(
      [
        'FROM busybox',
        'RUN mkdir /real && ln -s /real /alias && ln -s /etc/passwd /target',
        'COPY dir/*.txt /texts/',
        'COPY dir /all',
        'COPY dir/one.txt /new/name',
        'COPY dir/one.txt /alias',
        'COPY dir/two.md /target',
        'COPY --chown=www:www --chmod=0711 dir/one.txt /mine',
        'COPY ["dir/one.txt", "/with space/"]',
        'COPY <<EOF <<"RAW" /docs/',
        'PATH is "$PATH"',
        'EOF',
        '$PATH',
        'RAW',
      ].join('\n'),
      files,
    );
    await fixture.withRootfs(id, (root) => {
      expect(readdirSync(join(root, 'texts'))).toEqual(['one.txt']);
      expect(statSync(join(root, 'texts/one.txt'))).toMatchObject({ uid: 0, mtimeMs: 1_600_000_000_000 });
      expect(readdirSync(join(root, 'all')).sort()).toEqual(['link', 'one.txt', 'two.md']);
      expect(readlinkSync(join(root, 'all/link'))).toBe('/etc/passwd');
      expect(readFileSync(join(root, 'new/name'), 'utf8')).toBe('1');
      expect(readdirSync(join(root, 'real'))).toEqual(['one.txt']);
      expect(lstatSync(join(root, 'target')).isFile()).toBe(true);
      expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toContain('root');
      expect(statSync(join(root, 'mine'))).toMatchObject({ uid: 33, gid: 33 });
      expect(statSync(join(root, 'mine')).mode & 0o7777).toBe(0o711);
      expect(readdirSync(join(root, 'with space'))).toEqual(['one.txt']);
      expect(readFileSync(join(root, 'docs/EOF'), 'utf8')).toBe('PATH is "/bin"\n');
      expect(readFileSync(join(root, 'docs/RAW'), 'utf8')).toBe('$PATH\n');
    });
    await expect(fixture.build('FROM busybox\nCOPY up /x\n', files)).rejects.toThrow(
      'Dockerfile:2: no file matches "up"',
    );
    await expect(fixture.build('FROM busybox\nCOPY ../x /x\n', files)).rejects.toThrow(/Dockerfile:2: .*leads outside/);
  });

  it('unpacks local archives with ADD, and only those', async () => {
    const archive = gzipSync(
      makeTar([
        { name: 'd/' },
        { name: 'd/f', data: 'unpacked', uid: 12 },
        { name: 'out', type: 'symlink', linkName: '/' },
        { name: 'out/inside', data: 'x' },
      ]),
    );
    const { id } = await fixture.build('FROM busybox\nADD a.tgz plain.txt /opt/\nCOPY a.tgz /kept/\n', [
      { name: 'a.tgz', data: archive },
      { name: 'plain.txt', data: 'plain' },
    ]);
    await fixture.withRootfs(id, (root) => {
      expect(readFileSync(join(root, 'opt/d/f'), 'utf8')).toBe('unpacked');
      expect(statSync(join(root, 'opt/d/f')).uid).toBe(12);
      expect(readdirSync(join(root, 'opt')).sort()).toEqual(['d', 'inside', 'out', 'plain.txt']);
      expect(readdirSync(join(root, 'kept'))).toEqual(['a.tgz']);
    });
  });

  it('leaves out what .dockerignore names', async () => {
    const { id } = await fixture.build('FROM scratch\nCOPY . /\n', [
      { name: '.dockerignore', data: '**/*.log\nnode_modules\n!node_modules/keep\nDockerfile\n' },
      { name: 'a.txt', data: '' },
      { name: 'd/' },
      { name: 'd/b.log', data: '' },
      { name: 'node_modules/' },
      { name: 'node_modules/gone', data: '' },
      { name: 'node_modules/keep', data: '' },
    ]);
    await fixture.withRootfs(id, (root) => {
      expect(readdirSync(root).sort()).toEqual(['.dockerignore', 'a.txt', 'd', 'node_modules']);
      expect(readdirSync(join(root, 'node_modules'))).toEqual(['keep']);
      expect(readdirSync(join(root, 'd'))).toEqual([]);
    });
  });

  it('scopes arguments', async () => {
    const { output } = await fixture.build(
      'ARG G=global\nFROM busybox\nRUN echo "[$G]"\nARG G\nARG D=def\nARG E=$G-$D\nENV D=env\nRUN echo "[$G][$D][$E]"\nRUN <<EOF\necho "script $D"\nEOF\n',
      [],
      { args: { X: '1' } },
    );
    expect(output).toContain('[]\n[global][env][global-def]\nscript env\n');
    expect(output).toContain('no ARG declares: X');
  });

  it.each<[string, string, RegExp]>([
    ['a missing base', 'FROM nosuch', /Dockerfile:1: manifest for nosuch not found/],
    ['a failing command', 'FROM busybox\n\nRUN exit 3', /Dockerfile:3: RUN exit 3: exit code 3/],
    ['a missing file', 'FROM busybox\nCOPY nosuch /', /Dockerfile:2: no file matches "nosuch"/],
    ['a missing user', 'FROM busybox\nCOPY --chown=nobody Dockerfile /', /Dockerfile:2: no user "nobody"/],
    [
      'several sources for one file',
      'FROM busybox\nCOPY Dockerfile Dockerfile /x',
      /Dockerfile:2: several files are copied, so the destination must be a directory/,
    ],
    [
      'a file over a directory',
      'FROM busybox\nRUN mkdir -p /x/Dockerfile\nCOPY Dockerfile /x/',
      /Dockerfile:3: cannot copy a file over/,
    ],
    ['a syntax error', 'FROM busybox\nFOO bar', /Dockerfile:2: unknown instruction/],
  ])('says where %s is, and leaves nothing', async (_, dockerfile, message) => {
    await expect(fixture.build(dockerfile, [], { tags: ['broken'] })).rejects.toThrow(message);
    await fixture.stores.images.garbage.settled();
    expect(await fixture.stores.images.list({ filters: ['reference=broken'] })).toEqual([]);
    for (const place of ['build/contexts', 'build/mounts', 'content/ingest', 'layers/tmp'])
      expect(readdirSync(join(fixture.stores.dir, place))).toEqual([]);
    expect(readdirSync(join(fixture.stores.dir, 'snapshots')).filter((name) => !name.startsWith('.'))).toEqual([]);
  });

  it('stops when it is cancelled, and when nobody listens any more', async () => {
    const controller = new AbortController();
    const running = fixture.build('FROM busybox\nRUN echo started; sleep 1000\n', [], {}, controller.signal);
    await expect.poll(() => fixture.runner.ran.length).toBe(1);
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
    const context = messagesOf(makeTar([{ name: 'Dockerfile', data: 'FROM busybox\nRUN echo started; sleep 1000\n' }]));
    for await (const { message } of fixture.builder.build(ImageBuildOptions.create({}), context, NEVER)) {
      if (message?.$case === 'stepOutput') break;
    }
    expect(readdirSync(join(fixture.stores.dir, 'build/mounts'))).toEqual([]);
  });

  it('clears what a crash has left', async () => {
    await fixture.stores.snapshots.prepareLayers('build-left', fixture.stores.images.find('busybox').chainIds);
    const mount = join(fixture.stores.dir, 'build/mounts/build-left');
    await fixture.stores.snapshots.mount('build-left', mount, 'durable');
    mkdirSync(join(fixture.stores.dir, 'build/contexts/left'));
    await fixture.openBuilder();
    expect(readdirSync(join(fixture.stores.dir, 'build/mounts'))).toEqual([]);
    expect(readdirSync(join(fixture.stores.dir, 'build/contexts'))).toEqual([]);
    expect(fixture.stores.snapshots.list()).toEqual([]);
  });
});
