/** A host and Debian's docker-registry, with TLS and a login, beside skopeo: images go both ways. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { output } from '../lab/command.ts';
import { DockerRegistry, REGISTRY_LOGIN } from '../lab/docker-registry.ts';
import { Host, NEIGHBOUR_ADDRESS } from '../lab/host.ts';
import { exportBusybox, importBusybox } from '../lab/image.ts';
import { until } from '../lab/until.ts';

/** Large enough to be caught on its way. */
const LAYER_MIB = 48;
const RATE = '200mbit';

let host: Host;
let registry: DockerRegistry;
let directory: string;
let home: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gantry-registry-test-'));
  home = join(directory, 'home');
  await mkdir(home);
  host = await Host.create('registry');
  registry = await DockerRegistry.start(NEIGHBOUR_ADDRESS, (argv) => host.outside(argv));
  await host.start(['--registry-certs', registry.certificates]);
  await importBusybox(host);
});

afterAll(async () => {
  await host.destroy();
  await registry.destroy();
  await rm(directory, { recursive: true, force: true });
});

const gantry = (...argv: string[]) => host.gantry(argv, { env: { HOME: home } });
const ok = (...argv: string[]) => host.ok(argv, { env: { HOME: home } });
const image = (name: string) => `${registry.host}/${name}`;
const logIn = () =>
  host.ok(['login', '-u', REGISTRY_LOGIN.username, '--password-stdin', registry.host], {
    env: { HOME: home },
    stdin: REGISTRY_LOGIN.password,
  });
const partial = (...name: string[]) => join(host.dataRoot, 'content', 'partial', ...name);
const blobsOnTheirWay = () => readdir(partial());

/** What has come to the host over its network. */
async function receivedBytes(): Promise<number> {
  const [link] = JSON.parse(await output(['ip', '-n', host.name, '-j', '-s', 'link', 'show', 'dev', 'uplink']));
  return link.stats64.rx.bytes;
}

async function skopeo(...argv: string[]): Promise<string> {
  const login = `${REGISTRY_LOGIN.username}:${REGISTRY_LOGIN.password}`;
  const certificates = join(registry.certificates, registry.host);
  const [verb = '', ...rest] = argv;
  const sides = verb === 'copy' ? ['src', 'dest'] : [''];
  const flags = sides.flatMap((side) => {
    const prefix = side === '' ? '--' : `--${side}-`;
    return [`${prefix}creds`, login, `${prefix}cert-dir`, certificates];
  });
  return await output(host.outside(['skopeo', '--insecure-policy', verb, ...flags, ...rest]));
}

describe('a login', () => {
  it('is asked for, and wrong passwords are refused', async () => {
    await ok('tag', 'busybox', image('busybox:1'));
    const push = await gantry('push', image('busybox:1'));
    expect(push.code).toBe(1);
    expect(push.stderr).toContain(`push access denied for ${image('busybox')}, it may require 'gantry login'`);
    const wrong = await gantry('login', '-u', 'alice', '-p', 'wrong', registry.host);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('unauthorized: incorrect username or password');
    expect(await logIn()).toBe('Login Succeeded');
    expect(host.log()).not.toContain(REGISTRY_LOGIN.password);
  });

  it('is of no use to a registry whose authority is not known', async () => {
    await host.stop('SIGTERM');
    await host.start();
    const { stderr } = await gantry('push', image('busybox:1'));
    expect(stderr).toContain(`the certificate of ${registry.host} is not trusted`);
    expect(stderr).toContain(`/etc/gantry/certs.d/${registry.host}/ca.crt`);
    await host.stop('SIGTERM');
    await host.start(['--registry-certs', registry.certificates]);
  });
});

describe('an image of this host', () => {
  it('goes to the registry, where skopeo finds it, and is pulled when it is run', async () => {
    const pushed = await ok('push', image('busybox:1'));
    const digest = /^1: digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(pushed)?.[1];
    expect(pushed).toContain(`The push refers to repository [${image('busybox')}]`);
    expect(pushed).toMatch(/^[0-9a-f]{12}: Pushed$/m);
    expect(JSON.parse(await skopeo('inspect', `docker://${image('busybox:1')}`))).toMatchObject({ Digest: digest });
    expect(await ok('push', image('busybox:1'))).toMatch(/^[0-9a-f]{12}: Layer already exists$/m);
    await ok('tag', 'busybox', image('mounted:1'));
    expect(await ok('push', image('mounted:1'))).toMatch(/^[0-9a-f]{12}: Mounted from busybox$/m);
    await ok('rmi', 'busybox', image('busybox:1'), image('mounted:1'));
    const run = await gantry('run', '--rm', image('busybox:1'), 'echo', 'ran');
    expect(run).toMatchObject({ code: 0, stdout: 'ran\n' });
    expect(run.stderr).toContain(`Unable to find image '${image('busybox:1')}' locally`);
    expect(run.stderr).toContain(`Digest: ${digest}`);
    expect(await ok('images', '--digests', '--format', '{{.Repository}} {{.Tag}} {{.Digest}}')).toBe(
      `${image('busybox')} 1 ${digest}`,
    );
    expect(await ok('pull', image('busybox:1'))).toContain(`Status: Image is up to date for ${image('busybox:1')}`);
    expect((await gantry('run', '--rm', image('busybox@') + digest, 'echo', 'again')).stdout).toBe('again\n');
  });
});

describe('a build', () => {
  it('pulls what it is made from, with the login of whoever builds', async () => {
    await ok('rmi', '-f', image('busybox:1'));
    await writeFile(join(directory, 'Dockerfile'), `FROM ${image('busybox:1')}\nRUN echo built >/built\n`);
    const built = await gantry('build', '-t', 'built', directory);
    expect(built.stderr).toContain(`1: Pulling from busybox`);
    expect((await gantry('run', '--rm', 'built', 'cat', '/built')).stdout).toBe('built\n');
    const again = await gantry('build', '--pull', '-t', 'built', directory);
    expect(again.stderr).toContain('Status: Image is up to date for');
  });

  it('goes to the registry with --push, and what it says of its steps serves a build that has none', async () => {
    await writeFile(join(directory, 'Dockerfile'), `FROM ${image('busybox:1')}\nRUN echo pushed >/pushed\n`);
    await ok('build', '--cache-to', 'type=inline', '--push', '-t', image('pushed:1'), directory);
    expect(JSON.parse(await skopeo('inspect', `docker://${image('pushed:1')}`))).toMatchObject({
      Name: image('pushed'),
    });
    await ok('rmi', image('pushed:1'));
    await ok('builder', 'prune', '-af');
    const again = await gantry('build', '--cache-from', image('pushed:1'), '-t', 'again', directory);
    expect(again.stderr).toMatch(/^#\d+ CACHED$/m);
    expect(await ok('run', '--rm', 'again', 'cat', '/pushed')).toBe('pushed');
  });
});

describe('an image of skopeo', () => {
  it.each([
    ['docker', ['--format', 'v2s2']],
    ['zstd', ['--format', 'oci', '--dest-compress-format', 'zstd']],
  ])('as %s is pulled and runs', async (tag, flags) => {
    await skopeo('copy', ...flags, `docker://${image('busybox:1')}`, `docker://${image(`other:${tag}`)}`);
    await ok('pull', image(`other:${tag}`));
    expect((await gantry('run', '--rm', image(`other:${tag}`), 'echo', tag)).stdout).toBe(`${tag}\n`);
  });

  it('that isn’t there is said to be missing', async () => {
    const { code, stderr } = await gantry('pull', image('busybox:none'));
    expect(code).toBe(1);
    expect(stderr).toBe(
      `gantry: manifest for ${image('busybox:none')} not found: manifest unknown: manifest unknown\n`,
    );
  });
});

describe('a pull of a large image', () => {
  beforeAll(async () => {
    const archive = join(directory, 'large.tar');
    await exportBusybox(archive);
    await output(['dd', 'if=/dev/urandom', `of=${join(directory, 'random')}`, 'bs=1M', `count=${LAYER_MIB}`]);
    await output(['tar', '-C', directory, '-rf', archive, 'random']);
    await ok('import', archive, image('large:1'));
    await ok('push', image('large:1'));
    await ok('rmi', image('large:1'));
    const shape = [
      'tc',
      'qdisc',
      'add',
      'dev',
      'eth0',
      'root',
      'tbf',
      'rate',
      RATE,
      'burst',
      '64kb',
      'latency',
      '50ms',
    ];
    await output(host.outside(shape));
  });

  /** Resolves when a good part of a blob has come. */
  const underWay = (mebibytes = 4) =>
    until('a blob to be on its way', async () => {
      const sizes = (await blobsOnTheirWay()).map(async (name) => (await stat(partial(name))).size);
      return (await Promise.all(sizes)).some((size) => size > mebibytes << 20);
    });

  it('goes on where it was when gantryd has been killed', async () => {
    const broken = gantry('pull', image('large:1'));
    await underWay(LAYER_MIB / 2);
    await host.stop('SIGKILL');
    expect((await broken).code).toBe(1);
    await host.start(['--registry-certs', registry.certificates]);
    expect(await ok('images', '-q', image('large'))).toBe('');
    const before = await receivedBytes();
    await ok('pull', image('large:1'));
    expect((await receivedBytes()) - before).toBeLessThan((LAYER_MIB * 0.75) << 20);
    expect(await blobsOnTheirWay()).toEqual([]);
    expect((await gantry('run', '--rm', image('large:1'), 'wc', '-c', '/random')).stdout).toBe(
      `${LAYER_MIB << 20} /random\n`,
    );
    await ok('rmi', image('large:1'));
  });

  it('goes on when the registry is back, and is shared by all who want it', async () => {
    const pulls = [gantry('pull', image('large:1')), gantry('pull', image('large:1'))];
    await underWay();
    expect(await blobsOnTheirWay()).toHaveLength(1);
    await registry.kill();
    await registry.restart();
    for (const { code, stdout, stderr } of await Promise.all(pulls)) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^[0-9a-f]{12}: Retrying in \d+ s: /m);
    }
    await ok('rmi', image('large:1'));
  });

  it('is given up with its client, and leaves nothing', async () => {
    // SIGINT as by Ctrl-C, to the client alone.
    const [program = '', ...args] = host.command(['pull', image('large:1')]);
    const client = spawn(program, args, { env: { ...process.env, HOME: home }, stdio: 'ignore' });
    const ended = once(client, 'exit');
    await underWay();
    client.kill('SIGINT');
    expect(await ended).not.toEqual([0, null]);
    await until('nothing to be left', async () => (await blobsOnTheirWay()).length === 0);
    expect(await ok('images', '-q', image('large'))).toBe('');
  });
});
