/** A cluster without a registry of its own: what one host has built, or was pushed to it, runs on all, also when it is gone. */
import { copyFile, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identityDir } from '../../proto/identity-files.ts';
import { type CommandResult, output, runCommand } from '../lab/command.ts';
import { makeCertificate } from '../lab/docker-registry.ts';
import { exportBusybox } from '../lab/image.ts';
import { Lab } from '../lab/lab.ts';
import type { PoweredHost } from '../lab/powered-host.ts';
import { until } from '../lab/until.ts';

const PASSWORD = 's3cret';
const LAYER_MIB = 24;

let lab: Lab;
let first: PoweredHost;
let second: PoweredHost;
let third: PoweredHost;
let late: PoweredHost;
/** With images that skopeo takes, and the registry's certificates. */
let directory: string;
let registry: string;

beforeAll(async () => {
  lab = await Lab.create(await mkdtemp(join(tmpdir(), 'gantry-images-')), 4);
  directory = await mkdtemp(join(tmpdir(), 'gantry-images-files-'));
  [first, second, third, late] = lab.hosts as unknown as [PoweredHost, PoweredHost, PoweredHost, PoweredHost];
  registry = `${first.address}:5000`;
  await Promise.all([first.start(await registryFlags()), second.start(), third.start()]);
  await first.ok(['cluster', 'init', '--advertise-addr', first.address]);
  for (const host of [second, third]) await joinCluster(host, first, 'manager');
  const archive = join(directory, 'busybox.tar');
  await exportBusybox(archive);
  await first.ok(['import', '--change', 'CMD ["/bin/sh"]', archive, 'busybox']);
  await first.ok(['save', '-o', join(directory, 'saved.tar'), 'busybox']);
});

afterAll(async () => {
  await Lab.destroy(lab.directory);
  for (const path of [lab.directory, directory]) await rm(path, { recursive: true, force: true });
});

/** With TLS and a user, of whom it has only the hash. */
async function registryFlags(): Promise<string[]> {
  const { certificate, key } = await makeCertificate(first.address);
  const hash = await output(['openssl', 'passwd', '-6', PASSWORD]);
  const own = join(directory, 'certs.d', registry);
  await mkdir(own, { recursive: true });
  await writeFile(join(own, 'ca.crt'), certificate);
  await writeFile(join(directory, 'key.pem'), key, { mode: 0o600 });
  await writeFile(join(directory, 'users'), `ci:${hash}`);
  return [
    ...['--registry-addr', '0.0.0.0:5000', '--registry-users', join(directory, 'users')],
    ...['--registry-cert', join(own, 'ca.crt'), '--registry-key', join(directory, 'key.pem')],
    ...['--registry-certs', join(directory, 'certs.d')],
  ];
}

async function joinCluster(host: PoweredHost, manager: PoweredHost, role: 'manager' | 'worker'): Promise<void> {
  const token = await manager.ok(['cluster', 'join-token', '-q', role]);
  await host.ok(['cluster', 'join', '--token', token, `${manager.address}:2377`]);
}

function skopeo(on: PoweredHost, login: string, ...argv: string[]): Promise<CommandResult> {
  const [verb = '', ...rest] = argv;
  const side = verb === 'copy' ? '--dest-' : '--';
  const credentials = login === '' ? [] : [`${side}creds`, login];
  const flags = [...credentials, `${side}cert-dir`, join(directory, 'certs.d', registry)];
  return runCommand(on.inside(['skopeo', '--insecure-policy', verb, ...flags, ...rest]));
}

const pushed = async (on: PoweredHost, name: string, ...flags: string[]) => {
  const source = `docker-archive:${join(directory, 'saved.tar')}`;
  const { code, stderr } = await skopeo(on, `ci:${PASSWORD}`, 'copy', ...flags, source, `docker://${registry}/${name}`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
};

/** Until the managers know it: a node tells of its images once a second. */
async function runsOn(host: PoweredHost, image: string, ...argv: string[]): Promise<string> {
  return await until(`${image} to run on ${host.name}`, async () => {
    const { code, stdout, stderr } = await host.gantry(['run', '--rm', image, ...argv]);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  });
}

describe('a host’s registry', () => {
  it('takes nothing without a login, nor with a wrong one', async () => {
    for (const login of ['', 'ci:wrong', 'nobody:x']) {
      const source = `docker-archive:${join(directory, 'saved.tar')}`;
      const { code, stderr } = await skopeo(second, login, 'copy', source, `docker://${registry}/shop/web:0`);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/unauthorized|authentication required/i);
    }
    expect(await first.ok(['images', '-q', `${registry}/shop/web`])).toBe('');
  });

  it('is pushed to by skopeo from another host, and then runs on all, where nobody has logged in', async () => {
    await pushed(second, 'shop/web:1');
    await pushed(second, 'shop/web:zstd', '--format', 'oci', '--dest-compress-format', 'zstd');
    const tags = await skopeo(second, `ci:${PASSWORD}`, 'list-tags', `docker://${registry}/shop/web`);
    expect(JSON.parse(tags.stdout)).toMatchObject({ Tags: ['1', 'zstd'] });
    for (const host of [first, second, third]) {
      expect(await runsOn(host, `${registry}/shop/web:1`, 'echo', host.name)).toBe(`${host.name}\n`);
    }
    expect(await runsOn(third, `${registry}/shop/web:zstd`, 'echo', 'z')).toBe('z\n');
  });

  it('is pushed to and pulled from by gantry as by any client', async () => {
    const home = { env: { HOME: join(directory, 'home') } };
    await mkdir(join(directory, 'home'), { recursive: true });
    const login = ['login', '-u', 'ci', '--password-stdin', registry];
    expect(await first.ok(login, { ...home, stdin: PASSWORD })).toBe('Login Succeeded');
    await first.ok(['tag', 'busybox', `${registry}/other:1`]);
    expect(await first.ok(['push', `${registry}/other:1`], home)).toMatch(/^1: digest: sha256:/m);
    await first.ok(['rmi', `${registry}/other:1`]);
    expect(await first.ok(['pull', `${registry}/other:1`], home)).toContain('Downloaded newer image');
    const removed = await skopeo(second, `ci:${PASSWORD}`, 'delete', `docker://${registry}/other:1`);
    expect(removed).toMatchObject({ code: 0, stderr: '' });
    const again = await first.gantry(['pull', `${registry}/other:1`], home);
    expect(again.stderr).toContain('not found');
  });

  it('goes on with a push that a crash cuts off, and keeps nothing of one that is given up', async () => {
    const uploads = join(first.dataRoot, 'content/uploads');
    const blobs = async () => (await readdir(join(first.dataRoot, 'content/blobs/sha256'))).sort();
    const before = await blobs();
    const url = `https://${registry}/v2/cut/blobs/uploads/`;
    const curl = ['curl', '-sk', '-u', `ci:${PASSWORD}`];
    const begun = await output(second.inside([...curl, '-D', '-', '-X', 'POST', url]));
    const location = /^location: (\S+)/im.exec(begun)?.[1] ?? '';
    const large = join(directory, 'large');
    await output(['dd', 'if=/dev/urandom', `of=${large}`, 'bs=1M', `count=${LAYER_MIB}`]);
    const slow = [...curl, '--limit-rate', '4M', '-T', large, '-X', 'PATCH', `https://${registry}${location}`];
    const sending = runCommand(second.inside(slow));
    await until('a part to have come', async () => {
      const sizes = (await readdir(uploads)).map(async (name) => (await stat(join(uploads, name))).size);
      return (await Promise.all(sizes)).some((size) => size > 1 << 20);
    });
    await first.kill('gantryd');
    await sending;
    await first.start(await registryFlags());
    const state = await output(second.inside([...curl, '-D', '-', `https://${registry}${location}`]));
    expect(Number(/^range: 0-(\d+)/im.exec(state)?.[1])).toBeGreaterThan(1 << 20);
    await output(second.inside([...curl, '-X', 'DELETE', `https://${registry}${location}`]));
    expect(await readdir(uploads)).toEqual([]);
    expect(await blobs()).toEqual(before);
  });

  it.each(['/v2/../../../etc/passwd', '/v2/%2e%2e/%2e%2e/manifests/1', '/v2/a/blobs/..%2f..%2f..%2fetc%2fpasswd'])(
    'has nothing at %s',
    async (path) => {
      const argv = ['curl', '-sk', '--path-as-is', '-u', `ci:${PASSWORD}`, `https://${registry}${path}`];
      const { errors } = JSON.parse(await output(second.inside(argv)));
      expect(['NAME_INVALID', 'NAME_UNKNOWN']).toContain(errors[0].code);
    },
  );
});

describe('what a host has built', () => {
  beforeAll(async () => {
    const context = join(directory, 'shop');
    await mkdir(context, { recursive: true });
    await writeFile(join(context, 'Dockerfile'), 'FROM busybox\nCOPY random /random\nRUN echo built >/built\n');
    await output(['dd', 'if=/dev/urandom', `of=${join(context, 'random')}`, 'bs=1M', `count=${LAYER_MIB}`]);
    await first.ok(['build', '-t', 'shop:2', context]);
  });

  it('runs on all hosts, with no registry', async () => {
    expect(await Promise.all([second, third].map((host) => runsOn(host, 'shop:2', 'cat', '/built')))).toEqual([
      'built\n',
      'built\n',
    ]);
  });

  it('for several platforms is had by other hosts for theirs, and for another where that is asked for', async () => {
    const own = `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
    const flags = ['--platform', `linux/s390x,${own}`, '-t', 'both:1'];
    const stage = `FROM --platform=${own} busybox AS make\nARG TARGETARCH\nRUN echo "$TARGETARCH" >/which\n`;
    const dockerfile = `${stage}FROM scratch\nCOPY --from=make /which /bin/busybox /\nCMD ["/busybox", "cat", "/which"]\n`;
    await first.ok(['build', ...flags, '-'], { stdin: dockerfile });
    expect(await runsOn(second, 'both:1')).toBe(`${own.slice('linux/'.length)}\n`);
    await second.ok(['pull', '--platform', 'linux/s390x', 'both:1']);
    const inspect = ['image', 'inspect', '--format', '{{.Architecture}} {{index .RepoDigests 0}}'];
    const digest = await first.ok(['image', 'inspect', '--format', '{{index .RepoDigests 0}}', 'both:1']);
    expect(await second.ok([...inspect, '--platform', 'linux/s390x', 'both:1'])).toBe(`s390x ${digest}`);
    expect(await second.ok([...inspect, 'both:1'])).toBe(`${own.slice('linux/'.length)} ${digest}`);
  });

  it('runs in a service that is made right after it, without a task that lacks it first', async () => {
    await first.ok(['build', '-t', 'shop:3', '-'], { stdin: 'FROM busybox\nRUN echo soon >/soon\n' });
    const flags = ['--name', 'soon', '--mode', 'global', '--init', '-q'];
    await first.ok(['service', 'create', ...flags, 'shop:3', 'sleep', '1000']);
    const states = await first.ok(['service', 'ps', '--format', '{{.CurrentState}}', 'soon']);
    expect(states.split('\n').map((state) => state.split(' ')[0])).toEqual(Array(3).fill('Running'));
    await first.ok(['service', 'rm', 'soon']);
  });

  it('runs on a host that joins when the one that built it is gone', async () => {
    await first.powerOff();
    await late.start();
    await until('another leader', async () => (await second.gantry(['node', 'ls'])).code === 0);
    await joinCluster(late, second, 'worker');
    expect(await runsOn(late, 'shop:2', 'wc', '-c', '/random')).toBe(`${LAYER_MIB << 20} /random\n`);
    expect(await runsOn(late, `${registry}/shop/web:1`, 'echo', 'late')).toBe('late\n');
  });
});

describe('a host’s images', () => {
  const ask = (from: PoweredHost, flags: readonly string[], path = '/v2/') =>
    runCommand(from.inside(['curl', '-sk', ...flags, `https://${second.address}:2378${path}`]));
  const identity = (dataRoot: string) => {
    const file = join(identityDir(dataRoot), 'node.pem');
    return ['--cert', file, '--key', file];
  };

  /** The connection ends before or instead of an answer. */
  const refusal = async (from: PoweredHost, flags: readonly string[]) => {
    const { code, stdout } = await ask(from, flags);
    return { answered: code !== 52 && code !== 56, stdout };
  };

  it('are for nodes of the cluster, to be read', async () => {
    const own = identity(third.dataRoot);
    expect(await ask(third, own)).toMatchObject({ code: 0, stdout: '{}' });
    const written = await ask(third, [...own, '-X', 'POST'], '/v2/shop/blobs/uploads/');
    expect(JSON.parse(written.stdout).errors[0].code).toBe('UNSUPPORTED');
    const tricked = await ask(third, [...own, '--path-as-is'], '/v2/../../../etc/passwd');
    expect(JSON.parse(tricked.stdout).errors[0].code).toBe('NAME_UNKNOWN');
  });

  it('are not for those without a certificate, or with one of another cluster', async () => {
    expect(await refusal(third, [])).toEqual({ answered: false, stdout: '' });
    const other = await mkdtemp(join(directory, 'other-'));
    const strangers = await Lab.create(other, 1);
    try {
      const [stranger] = strangers.hosts as unknown as [PoweredHost];
      await stranger.start();
      await stranger.ok(['cluster', 'init', '--advertise-addr', stranger.address]);
      expect(await refusal(third, identity(stranger.dataRoot))).toEqual({ answered: false, stdout: '' });
    } finally {
      await Lab.destroy(other);
    }
  });

  it('are no longer for a node that was removed, though its certificate is good', async () => {
    const kept = join(directory, 'removed.pem');
    await copyFile(join(identityDir(late.dataRoot), 'node.pem'), kept);
    const own = ['--cert', kept, '--key', kept];
    expect(await ask(late, own)).toMatchObject({ code: 0, stdout: '{}' });
    await second.ok(['node', 'rm', '--force', late.name]);
    await until('the node to be refused', async () =>
      (await ask(late, own)).stdout.includes('removed from the cluster'),
    );
  });
});
