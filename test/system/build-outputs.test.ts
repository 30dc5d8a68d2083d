/** What users send to a build, and where its result goes. */
import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';

const REGISTRY = '127.0.0.1:5000';
const NO_IMAGE = ['-o', 'type=cacheonly'];

let host: Host;
let directory: string;

beforeAll(async () => {
  host = await Host.create('buildout');
  directory = await mkdtemp(join(tmpdir(), 'gantry-build-out-'));
  await host.start(['--registry-addr', REGISTRY]);
  await importBusybox(host);
});

afterAll(async () => {
  await host.destroy();
  await rm(directory, { recursive: true, force: true });
});

/** Builds the Dockerfile from standard input, in a context of its own with the files. */
async function build(flags: readonly string[], dockerfile: string, files: Readonly<Record<string, string>> = {}) {
  const context = await mkdtemp(join(directory, 'context-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(context, name), text);
  return await host.gantry(['build', '--progress=plain', '-f', '-', ...flags, context], { stdin: dockerfile });
}

const TREE = [
  'FROM busybox AS made',
  'RUN mkdir -p /t/deep && echo x >/t/deep/file && chmod 4711 /t/deep/file && ln /t/deep/file /t/hard && ln -s deep /t/link',
  'FROM scratch',
  'COPY --from=made /t /',
].join('\n');

describe('the result of a build', () => {
  it('is files in a directory, which nothing leads out of', async () => {
    const out = join(directory, 'out');
    await mkdir(join(out, 'kept'), { recursive: true });
    expect(await build(['-o', out], TREE)).toMatchObject({ code: 0, stdout: '' });
    expect(readdirSync(out).sort()).toEqual(['deep', 'hard', 'kept', 'link']);
    expect(readFileSync(join(out, 'deep/file'), 'utf8')).toBe('x\n');
    expect(statSync(join(out, 'deep/file')).mode & 0o7777).toBe(0o711);
    expect(statSync(join(out, 'hard')).ino).toBe(statSync(join(out, 'deep/file')).ino);
    expect(readlinkSync(join(out, 'link'))).toBe('deep');
    expect(await build(['-o', out], TREE)).toMatchObject({ code: 0 });
    await rm(join(out, 'deep'), { recursive: true });
    await mkdir(join(directory, 'elsewhere'));
    await symlink(join(directory, 'elsewhere'), join(out, 'deep'));
    expect(await build([`--output=type=local,dest=${out}`], TREE)).toMatchObject({ code: 0 });
    expect(readdirSync(join(directory, 'elsewhere'))).toEqual([]);
    expect(lstatSync(join(out, 'deep')).isDirectory()).toBe(true);
    expect(await host.look(['images', '-q', '--filter', 'dangling=true'])).toBe('');
  });

  it('is a tar, or an archive of the image', async () => {
    const tar = join(directory, 'files.tar');
    expect(await build(['-o', `type=tar,dest=${tar}`], TREE)).toMatchObject({ code: 0 });
    expect(execFileSync('tar', ['-tf', tar], { encoding: 'utf8' })).toBe('deep/\ndeep/file\nhard\nlink\n');
    const archive = join(directory, 'image.tar');
    const { stderr } = await build(['-t', 'kept:1', '-o', `type=oci,dest=${archive}`], TREE);
    expect(stderr).toContain('Successfully tagged kept:1');
    await host.ok(['rmi', 'kept:1']);
    expect(await host.ok(['load', '-i', archive])).toContain('kept:1');
    expect(await build(['-o', 'type=lokal'], TREE)).toMatchObject({ code: 125 });
    expect(await build(['--push'], TREE)).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('without a name cannot be pushed'),
    });
  });

  it('is a report on the Dockerfile, which is a failure when there is something to say', async () => {
    const good = await build(['--check'], 'FROM busybox\nRUN exit 1\n');
    expect(good).toMatchObject({ code: 0, stdout: 'Check complete, no warnings found.\n' });
    const { code, stdout } = await build(['--check'], 'FROM busybox\nCMD echo x\n');
    expect(code).toBe(1);
    expect(stdout).toBe(
      [
        'Check complete, 1 warning has been found!',
        '',
        'WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/',
        'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
        'Dockerfile:2',
        '--------------------',
        '   1 |     FROM busybox',
        '   2 | >>> CMD echo x',
        '   3 |     ',
        '--------------------',
        '',
      ].join('\n'),
    );
  });
});

describe('a failing step', () => {
  it('is shown with what it printed and where it stands', async () => {
    const { code, stderr } = await build([], 'FROM busybox\nRUN echo last words; \\\n  exit 7\n');
    expect(code).toBe(1);
    expect(stderr).toContain('last words\n------\nDockerfile:2\n--------------------\n');
    expect(stderr).toContain('   2 | >>> RUN echo last words; \\\n   3 | >>>   exit 7\n');
    expect(stderr.trimEnd().split('\n').at(-1)).toContain('exit code 7');
  });
});

/** A directory with the host's ssh-add, and what it is linked with. */
async function opensshClient(): Promise<string> {
  const place = join(directory, 'openssh');
  await mkdir(join(place, 'lib'), { recursive: true });
  const program = execFileSync('which', ['ssh-add'], { encoding: 'utf8' }).trim();
  await copyFile(program, join(place, 'ssh-add'));
  for (const [library] of execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/\/\S+/g)) {
    await copyFile(library, join(place, 'lib', /\/ld-linux/.test(library) ? 'loader' : basename(library)));
  }
  return place;
}

describe('RUN steps', () => {
  it('have the limits that they are given', async () => {
    const { stderr } = await build(
      ['--shm-size=16m', '--ulimit=nofile=77:99'],
      'FROM busybox\nRUN df -m /dev/shm | tail -1; ulimit -Sn; ulimit -Hn\n',
    );
    expect(stderr).toMatch(/ 16 .*\/dev\/shm\n.* 77\n.* 99\n/);
  });

  it("reach the user's SSH agent, and no key", async () => {
    const key = join(directory, 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'mine', '-f', key]);
    const dockerfile = [
      'FROM busybox',
      'RUN --mount=type=ssh --mount=from=openssh,target=/o LD_LIBRARY_PATH=/o/lib /o/lib/loader /o/ssh-add -l >/keys',
      'RUN ls -A /run >/left 2>/dev/null || true',
    ].join('\n');
    const flags = ['--ssh', `default=${key}`, '--build-context', `openssh=${await opensshClient()}`, '-t', 'ssh:1'];
    const { code, stderr } = await build(flags, dockerfile);
    expect(stderr).toContain('DONE');
    expect(code).toBe(0);
    expect(await host.ok(['run', '--rm', 'ssh:1', 'cat', '/keys', '/left'])).toMatch(
      /^256 SHA256:\S+ mine \(ED25519\)$/,
    );
    const required = 'FROM busybox\nRUN --mount=type=ssh,required=true true\n';
    expect((await build([], required)).stderr).toContain('the SSH agent default is required and was not given');
    expect(await build(['--ssh', `default=${join(directory, 'none')}`], required)).toMatchObject({ code: 125 });
  });
});

describe('a directory that is built again', () => {
  it('is sent as far as it has changed, whatever is ignored in it', async () => {
    const context = await mkdtemp(join(directory, 'again-'));
    const put = (name: string, text: string) => writeFile(join(context, name), text);
    await put('Dockerfile', 'FROM busybox\nCOPY . /c/\nCMD ["sh", "-c", "cd /c && ls -A | xargs; cat f"]\n');
    await put('.dockerignore', 'Dockerfile\n.dockerignore\nleft\n');
    await put('left', 'x');
    const built = async () => {
      await host.ok(['build', '-q', '-t', 'again:1', context]);
      return await host.ok(['run', '--rm', 'again:1']);
    };
    await put('f', 'one');
    await put('gone', 'x');
    expect(await built()).toBe('f gone\none');
    expect(await built()).toBe('f gone\none');
    await put('f', 'two');
    await rm(join(context, 'gone'));
    await put('new', 'x');
    expect(await built()).toBe('f new\ntwo');
    await host.stop('SIGKILL');
    await host.start(['--registry-addr', REGISTRY]);
    expect(await built()).toBe('f new\ntwo');
    expect(await host.ok(['builder', 'prune', '-af'])).toContain('Total reclaimed space');
    expect(readdirSync(join(host.dataRoot, 'build/kept'))).toEqual([]);
    expect(await built()).toBe('f new\ntwo');
  });
});

describe('named contexts', () => {
  it('are directories and images', async () => {
    const extra = join(directory, 'extra');
    await mkdir(extra);
    await writeFile(join(extra, 'file'), 'of extra\n');
    const flags = ['--build-context', `more=${extra}`, '--build-context', 'base=docker-image://busybox', '-t', 'ctx:1'];
    expect(await build(flags, 'FROM base\nCOPY --from=more file /\nCOPY own /\n', { own: 'own' })).toMatchObject({
      code: 0,
    });
    expect(await host.ok(['run', '--rm', 'ctx:1', 'cat', '/file', '/own'])).toBe('of extra\nown');
  });

  it('are images of OCI layouts, of which nothing stays', async () => {
    await build(['-t', 'laid:old'], 'FROM busybox\nRUN echo old >/which\n');
    await build(['-t', 'laid:latest'], 'FROM busybox\nRUN echo new >/which\n');
    const layout = join(directory, 'layout');
    await mkdir(layout);
    execFileSync('tar', ['-x', '-C', layout], { input: await save('laid:old', 'laid:latest') });
    await host.ok(['rmi', 'laid:old', 'laid:latest']);
    const images = await host.look(['images', '-aq']);
    const which = async (place: string) => {
      const out = join(directory, `which-${place.length}`);
      const flags = ['--build-context', `laid=oci-layout://${place}`, '-o', out];
      expect(await build(flags, 'FROM laid AS base\nFROM scratch\nCOPY --from=base /which /\n')).toMatchObject({
        code: 0,
      });
      return readFileSync(join(out, 'which'), 'utf8');
    };
    expect(await which(layout)).toBe('new\n');
    expect(await which(`${layout}:old`)).toBe('old\n');
    expect(await host.look(['images', '-aq'])).toBe(images);
    const flags = ['--build-context', `laid=oci-layout://${layout}:gone`];
    expect(await build(flags, 'FROM laid\n')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('has no image gone; it has :old, :latest'),
    });
    expect(await build(['--build-context', 'laid=oci-layout:///x'], 'FROM laid\n')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('/x is no OCI layout'),
    });
  });
});

describe('a cache', () => {
  const dockerfile =
    'FROM busybox AS made\nRUN echo made-here >/made\nFROM busybox\nRUN echo also-here\nCOPY --from=made /made /\n';
  const ranAgain = ({ stderr }: { readonly stderr: string }) =>
    /^#\d+ (?:made|stage-1) .*RUN/m.test(stderr) && !stderr.includes('CACHED');
  const forget = () => host.ok(['builder', 'prune', '-af']);

  it.each([
    [
      'a directory',
      () => [`type=local,dest=${join(directory, 'cache')},mode=max`, `type=local,src=${join(directory, 'cache')}`],
    ],
    ['a registry', () => [`type=registry,ref=${REGISTRY}/cache:1,mode=max`, `type=registry,ref=${REGISTRY}/cache:1`]],
  ])('goes to %s, with the steps of all stages', async (_what, places) => {
    const [to = '', from = ''] = places();
    await forget();
    expect(await build(['--cache-from', from], 'FROM scratch\nCOPY . /\n', { f: '' })).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('warning: no build cache from'),
    });
    expect(await build([...NO_IMAGE, '--cache-to', to], dockerfile)).toMatchObject({
      code: 0,
      stderr: expect.not.stringContaining('gantry:'),
    });
    await forget();
    const images = await host.look(['images', '-q', '-f', 'dangling=true']);
    const again = await build([...NO_IMAGE, '--cache-from', from], dockerfile);
    expect(again).toMatchObject({ code: 0 });
    expect(ranAgain(again)).toBe(false);
    expect(again.stderr.match(/CACHED/g)).toHaveLength(3);
    expect(await host.look(['images', '-q', '-f', 'dangling=true'])).toBe(images);
  });

  it('that cannot be written fails the build, which names nothing', async () => {
    const failed = await build(
      ['-t', 'uncached:1', '--cache-to', 'type=registry,ref=127.0.0.1:5001/cache'],
      dockerfile,
    );
    expect(failed.code).toBe(1);
    expect(await host.look(['images', '-q', 'uncached'])).toBe('');
    const own = ['-t', `${REGISTRY}/a:1`, '--cache-to', `type=registry,ref=${REGISTRY}/a:1`];
    expect(await build(own, dockerfile)).toMatchObject({ code: 125 });
  });
});

describe('annotations', () => {
  it('are told by the registry', async () => {
    const name = `${REGISTRY}/annotated:1`;
    const flags = ['-t', name, '--push', '--annotation', 'org.example.by=me', '--annotation', 'manifest:b=c'];
    expect(await build(flags, 'FROM busybox\n')).toMatchObject({
      code: 0,
      stderr: expect.not.stringContaining('gantry:'),
    });
    const url = `http://${REGISTRY}/v2/annotated/manifests/1`;
    const accept = 'Accept: application/vnd.oci.image.manifest.v1+json';
    const manifest = execFileSync('nsenter', [`--net=/run/netns/${host.name}`, 'curl', '-s', '-H', accept, url]);
    expect(JSON.parse(manifest.toString())).toMatchObject({ annotations: { b: 'c', 'org.example.by': 'me' } });
  });
});

async function save(...names: string[]): Promise<Buffer> {
  const file = join(directory, 'saved.tar');
  await host.ok(['save', '-o', file, ...names]);
  return readFileSync(file);
}
