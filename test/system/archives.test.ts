/** Images and file systems in and out of Gantry as archives, with the tools that others use them with. */
import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { output, runCommand } from '../lab/command.ts';
import { ROOT } from '../lab/engine-host.ts';
import { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { until } from '../lab/until.ts';

let host: Host;
let directory: string;

beforeAll(async () => {
  host = await Host.create('archives');
  directory = await mkdtemp(join(tmpdir(), 'gantry-archives-'));
  await host.start();
  await importBusybox(host);
});

afterAll(async () => {
  await host.destroy();
  await rm(directory, { recursive: true, force: true });
});

const inDirectory = (name: string) => join(directory, name);
const hasProgram = (name: string) => ['/usr/bin', '/usr/sbin'].some((place) => existsSync(join(place, name)));
const hasPeers = hasProgram('skopeo') && hasProgram('umoci');
/** A pipe of CLI command lines on the host. */
const pipe = (...commands: string[][]) =>
  output(['sh', '-c', commands.map((words) => host.command(words).join(' ')).join(' | ')]);

/** What a container does to its image that a layer has to tell. */
const CHANGES = [
  'rm /etc/passwd',
  'mkdir -p /srv && echo one >/srv/one && ln /srv/one /srv/two && ln -s ../etc /srv/link',
  'rm -r /mnt && mkdir /mnt && echo new >/mnt/new',
  'mknod /srv/null c 1 3 && mkfifo /srv/pipe',
  'chown 12:34 /srv/one && chmod 4750 /srv/one && touch -d "2001-02-03 04:05:06" /srv/one',
  `echo x >"/srv/$(printf 'n%.0s' $(seq 1 200))"`,
].join(' && ');

/** The same of the file system that it has become. */
function expectChanged(root: string): void {
  expect(existsSync(join(root, 'etc/passwd'))).toBe(false);
  expect(readdirSync(join(root, 'mnt'))).toEqual(['new']);
  const one = statSync(join(root, 'srv/one'));
  expect(one.ino).toBe(statSync(join(root, 'srv/two')).ino);
  expect([one.mode & 0o7777, one.uid, one.gid]).toEqual([0o4750, 12, 34]);
  expect(one.mtime.toISOString()).toBe('2001-02-03T04:05:06.000Z');
  expect(lstatSync(join(root, 'srv/link')).isSymbolicLink()).toBe(true);
  expect(lstatSync(join(root, 'srv/null')).rdev).toBe(0x103);
  expect(lstatSync(join(root, 'srv/pipe')).isFIFO()).toBe(true);
  expect(readFileSync(join(root, 'srv', 'n'.repeat(200)), 'utf8')).toBe('x\n');
}

describe('a container', () => {
  beforeAll(async () => {
    const flags = ['--name', 'changed', '-e', 'MODE=test', '--label', 'kept=yes', '-w', '/srv'];
    await host.ok([
      'run',
      '-d',
      '--init',
      ...flags,
      'busybox',
      'sh',
      '-c',
      `cd / && ${CHANGES} && touch /done && sleep 1000`,
    ]);
    await until('the changes', async () => (await host.gantry(['exec', 'changed', 'test', '-e', '/done'])).code === 0);
  });

  it('is committed with what it has changed, and the image runs', async () => {
    const flags = ['-a', 'Somebody <s@example.com>', '-m', 'a note', '-c', 'CMD ["ls", "/mnt"]', '-c', 'ENV MORE=1'];
    const id = await host.ok(['commit', ...flags, 'changed', 'made:v1']);
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await host.ok(['run', '--rm', 'made:v1'])).toBe('new');
    expect(await host.ok(['run', '--rm', 'made:v1', 'sh', '-c', 'ls /etc; echo $MODE $MORE; pwd; cat two'])).toBe(
      'hostname\nhosts\nresolv.conf\ntest 1\n/srv\none',
    );
    const format = '{{.Config.Labels.kept}} {{json .Config.Cmd}}';
    expect(await host.ok(['image', 'inspect', '--format', format, 'made:v1'])).toBe('yes ["ls","/mnt"]');
    // It goes on as if nothing had been.
    expect(await host.ok(['exec', 'changed', 'echo', 'on'])).toBe('on');
    expect(await host.ok(['commit', '--pause=false', 'changed'])).toMatch(/^sha256:/);
  });

  it('is told apart from its image', async () => {
    expect((await host.ok(['diff', 'changed'])).split('\n')).toEqual([
      'A /done',
      'C /etc',
      'D /etc/passwd',
      'C /mnt',
      'A /mnt/new',
      'A /srv',
      'A /srv/link',
      `A /srv/${'n'.repeat(200)}`,
      'A /srv/null',
      'A /srv/one',
      'A /srv/pipe',
      'A /srv/two',
    ]);
    const id = await host.ok(['create', 'busybox']);
    expect(await host.ok(['diff', id])).toBe('');
    await host.ok(['start', id]);
    await host.ok(['wait', id]);
    expect(await host.ok(['diff', id])).toBe('');
    await host.ok(['rm', id]);
  });

  it('is refused as an image with a change that is none', async () => {
    const { code, stderr } = await host.gantry(['commit', '-c', 'RUN true', 'changed', 'refused:1']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/committing the container changed: .*RUN/);
    expect(await host.ok(['images', '-q', 'refused'])).toBe('');
  });

  it('goes on when gantryd was killed while it was frozen for a commit', async () => {
    // What such a gantryd leaves.
    const id = await host.ok(['ps', '-q', '--no-trunc', '-f', 'name=changed']);
    const runtime = join(ROOT, 'native/build/gantry-runtime');
    await writeFile(join(host.execRoot, 'containers', id, 'frozen'), '');
    await output([runtime, '--root', join(host.execRoot, 'runtime'), 'pause', id]);
    await host.stop('SIGKILL');
    await host.start();
    expect(await host.ok(['exec', 'changed', 'echo', 'on'])).toBe('on');
  });

  it('is exported as it is, running and stopped, and imported again', async () => {
    await host.ok(['export', '-o', inDirectory('running.tar'), 'changed']);
    await host.ok(['stop', '-t', '0', 'changed']);
    await pipe(['export', 'changed'], ['import', '-m', 'again', '-c', '"CMD cat /srv/one"', '-', 'again:1']);
    expect(await host.ok(['run', '--rm', 'again:1'])).toBe('one');
    await host.ok(['export', '--output', inDirectory('stopped.tar'), 'changed']);
    for (const name of ['running', 'stopped']) {
      await mkdir(inDirectory(name));
      await output(['tar', '-C', inDirectory(name), '-xpf', inDirectory(`${name}.tar`)]);
      expectChanged(inDirectory(name));
    }
    const none = await host.gantry(['export', '-o', inDirectory('none.tar'), 'nobody']);
    expect(none.code).toBe(1);
    expect(existsSync(inDirectory('none.tar'))).toBe(false);
    // Neither leaves a mount.
    expect(readdirSync(join(host.dataRoot, 'snapshots/.tmp'))).toEqual([]);
    expect(await output(['grep', '-c', join(host.dataRoot, 'snapshots'), '/proc/mounts']).catch(() => '0')).toBe('0');
  });

  it('is imported from a web server', async () => {
    const server = createServer((_, response) => response.end(readFileSync(inDirectory('stopped.tar'))));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      // The host's own loopback address is another one: the CLI is run here.
      const url = `http://127.0.0.1:${port}/rootfs.tar`;
      const cli = [join(ROOT, 'cli/bin/gantry'), '--host', host.socket];
      await output([...cli, 'import', '--platform', 'linux/arm64', url, 'web:1']);
    } finally {
      server.close();
    }
    expect(await host.ok(['image', 'inspect', '--format', '{{.Os}}/{{.Architecture}}', 'web:1'])).toBe('linux/arm64');
  });
});

describe('an archive of images', () => {
  it('goes through pipes, with several images and names', async () => {
    await host.ok(['tag', 'busybox', 'other:1']);
    await host.ok(['save', '-o', inDirectory('two.tar'), 'busybox', 'other:1', 'made:v1']);
    await host.ok(['rmi', 'other:1']);
    expect(await pipe(['save', 'busybox', 'made:v1'], ['load'])).toBe(
      'Loaded image: busybox:latest\nLoaded image: made:v1\n',
    );
    expect(
      await output(['sh', '-c', `gzip -c ${inDirectory('two.tar')} | ${host.command(['load', '-q']).join(' ')}`]),
    ).toBe('Loaded image: busybox:latest\nLoaded image: other:1\nLoaded image: made:v1\n');
    expect(await host.ok(['run', '--rm', 'other:1', 'echo', 'runs'])).toBe('runs');
  });

  it.runIf(hasPeers)('is read by skopeo and umoci', async () => {
    const archive = inDirectory('two.tar');
    for (const source of [`docker-archive:${archive}:made:v1`, `oci-archive:${archive}:v1`]) {
      const { Layers, Env } = JSON.parse(await output(['skopeo', 'inspect', source]));
      expect(Layers).toHaveLength(2);
      expect(Env).toContain('MODE=test');
    }
    await output(['skopeo', 'copy', `oci-archive:${archive}:v1`, `oci:${inDirectory('layout')}:v1`]);
    await output(['umoci', 'unpack', '--image', `${inDirectory('layout')}:v1`, inDirectory('bundle')]);
    expectChanged(inDirectory('bundle/rootfs'));
  });

  it.runIf(hasPeers)('of an image that umoci has changed and skopeo has packed is loaded, and runs', async () => {
    const [image, bundle] = [`${inDirectory('layout')}:v1`, inDirectory('bundle')];
    await writeFile(join(bundle, 'rootfs/mnt/more'), 'more');
    await rm(join(bundle, 'rootfs/mnt/new'));
    await output(['umoci', 'repack', '--image', image, bundle]);
    for (const [kind, name] of [
      ['docker-archive', 'repacked:docker'],
      ['oci-archive', 'localhost/repacked:oci'],
    ]) {
      const archive = inDirectory(`${kind}.tar`);
      await output(['skopeo', 'copy', `oci:${image}`, `${kind}:${archive}:${name}`]);
      expect(await host.ok(['load', '-i', archive])).toBe(`Loaded image: ${name}`);
      expect(await host.ok(['run', '--rm', name ?? ''])).toBe('more');
    }
  });

  it('is refused when it is cut off, and leaves nothing', async () => {
    const whole = readFileSync(inDirectory('two.tar'));
    await writeFile(inDirectory('cut.tar'), whole.subarray(0, whole.length / 2));
    const before = readdirSync(join(host.dataRoot, 'content/blobs/sha256'));
    const { code, stderr } = await host.gantry(['load', '-i', inDirectory('cut.tar')]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('ends in the middle of an entry')]);
    const blobs = () => readdirSync(join(host.dataRoot, 'content/blobs/sha256'));
    await until('the garbage to be collected', async () => blobs().length <= before.length);
    expect(readdirSync(join(host.dataRoot, 'content/ingest'))).toEqual([]);
  });

  it('is written to devices, and neither to a directory nor of images that are not there', async () => {
    expect((await host.gantry(['save', '-o', '/dev/null', 'busybox'])).code).toBe(0);
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
    expect((await host.gantry(['save', '-o', directory, 'busybox'])).stderr).toContain('is a directory');
    const { code, stderr } = await runCommand(
      host.command(['save', '-o', inDirectory('no.tar'), 'busybox', 'nothing:1']),
    );
    expect([code, stderr]).toEqual([1, expect.stringContaining('No such image: nothing:1')]);
    expect(existsSync(inDirectory('no.tar'))).toBe(false);
  });
});

describe('what lies on the disk', () => {
  const rows = async (...args: string[]) => (await host.ok(args)).split('\n');

  it('is shown by what an image was made by', async () => {
    expect(await rows('history', '--format', '{{.CreatedBy}} {{.Comment}}', 'made:v1')).toEqual([
      expect.stringMatching(/^sh -c cd \/ && rm \/etc\/passwd.* a note$/),
      ' Imported from -',
    ]);
    const fields = '{{.Author}}|{{.Comment}}|{{len .RootFS.Layers}}|{{slice .Metadata.LastTagTime 0 2}}';
    expect(await host.ok(['image', 'inspect', '--format', fields, 'made:v1'])).toBe(
      'Somebody <s@example.com>|a note|2|20',
    );
  });

  it('is summed up, and given back', async () => {
    await mkdir(inDirectory('context'));
    await writeFile(inDirectory('context/Dockerfile'), 'FROM busybox\nRUN head -c 300000 /dev/zero >/zeros\n');
    await host.ok(['build', '-t', 'built:1', inDirectory('context')]);
    await host.ok([
      'run',
      '-d',
      '--name',
      'writer',
      '-v',
      'kept:/data',
      'busybox',
      'sh',
      '-c',
      'head -c 5000 /dev/zero | tee /w /data/v',
    ]);
    await host.ok(['wait', 'writer']);
    const df = await rows('system', 'df', '--format', '{{.Type}}|{{.Size}}');
    expect(df).toContain('Local Volumes|5kB');
    // The context alone: for the next build, of which then only what has changed is sent.
    expect(df).toContain('Build Cache|50B');
    expect(await host.ok(['system', 'df', '-v'])).toMatch(/kept +1 +5kB/);

    // Its layer is the cache's as well: with the name alone nothing is won.
    expect(await host.ok(['image', 'prune', '-a', '-f', '--filter', 'until=1h'])).toBe('Total reclaimed space: 0B');
    const pruned = await host.ok(['image', 'prune', '-a', '-f']);
    expect(pruned).toContain('untagged: built:1');
    expect(await rows('images', '--format', '{{.Repository}}')).toEqual(['busybox', 'other']);
    expect(await rows('system', 'df', '--format', '{{.Type}}|{{.Size}}')).toContain('Build Cache|300kB');
    expect(await host.ok(['builder', 'prune', '-f'])).toContain('Total reclaimed space: 300kB');
    const layers = () => readdirSync(join(host.dataRoot, 'layers')).filter((name) => name.length === 64);
    await until('the layers to go', async () => layers().length === 1);
  });

  it('is given back by itself when the disk is too full: images that are not used, unless they have just come', async () => {
    await host.ok(['import', inDirectory('stopped.tar'), 'unused:1']);
    await host.ok(['import', '-m', 'new', inDirectory('stopped.tar'), 'new:1']);
    await host.stop('SIGTERM');
    // An hour later, but for one.
    const index = join(host.dataRoot, 'images/images.json');
    const { names, ...rest } = JSON.parse(readFileSync(index, 'utf8'));
    for (const [name, entry] of Object.entries<{ taggedAtMs: number }>(names)) {
      if (!name.includes('new')) entry.taggedAtMs -= 3_600_000;
    }
    await writeFile(index, JSON.stringify({ ...rest, names }));
    // However empty this machine's disk is.
    await host.start(['--image-gc-high', '1']);
    const repositories = async () => (await rows('images', '--format', '{{.Repository}}')).sort();
    await until('the unused image to go', async () => !(await repositories()).includes('unused'));
    expect(await repositories()).toEqual(['busybox', 'new', 'other']);
    expect(readFileSync(host.logPath, 'utf8')).toContain('removed an unused image: the disk is too full');
  });
});
