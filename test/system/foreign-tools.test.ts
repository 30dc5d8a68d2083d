/**
 * This host's registry, with TLS and a login, and Debian's tools beside it: images of umoci, buildah and Docker run here, images
 * of here run there, and files that are easily lost on the way arrive as they were.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DockerPeer } from '../bench/docker-peer.ts';
import { output } from '../lab/command.ts';
import { makeCertificate } from '../lab/docker-registry.ts';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { exportBusybox } from '../lab/image.ts';
import { copyOddFiles, listOddFiles, makeOddFiles } from '../lab/odd-files.ts';

const REGISTRY = `${HOST_ADDRESS}:5000`;
const PASSWORD = 's3cret';
const has = (program: string) => ['/usr/bin', '/usr/sbin'].some((path) => existsSync(join(path, program)));

let host: Host;
let directory: string;
let odd: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gantry-tools-test-'));
  host = await Host.create('tools');
  await host.start(await registryFlags());
  await host.ok(['login', '-u', 'ci', '--password-stdin', REGISTRY], { env, stdin: PASSWORD });
  await makeRootfs();
  odd = await listOddFiles(rootfs());
});

afterAll(async () => {
  await host.destroy();
  await rm(directory, { recursive: true, force: true });
});

/** Docker and buildah unpack what is from before 1970 as if it were from then. */
const oddOfDocker = () => odd.replace(/\|-\d+\.0+\|/, '|0.0000000000|');
const env = { HOME: '/nonexistent' };
const rootfs = () => join(directory, 'rootfs');
const image = (name: string) => `${REGISTRY}/${name}`;
const ok = (...argv: string[]) => host.ok(argv, { env, timeoutMs: 120_000 });
const outside = (...argv: string[]) => output(host.outside(argv), { env, timeoutMs: 120_000 });
const certificates = () => join(directory, 'certs.d', REGISTRY);

async function registryFlags(): Promise<string[]> {
  env.HOME = join(directory, 'home');
  const own = join(directory, 'certs.d', REGISTRY);
  for (const path of [env.HOME, own]) await mkdir(path, { recursive: true });
  const { certificate, key } = await makeCertificate(HOST_ADDRESS);
  await writeFile(join(own, 'ca.crt'), certificate);
  await writeFile(join(directory, 'key'), key, { mode: 0o600 });
  const hash = await output(['openssl', 'passwd', '-6', PASSWORD]);
  await writeFile(join(directory, 'users'), `ci:${hash}`);
  return [
    ...['--registry-certs', join(directory, 'certs.d'), '--registry-addr', REGISTRY],
    ...['--registry-cert', join(own, 'ca.crt'), '--registry-key', join(directory, 'key')],
    ...['--registry-users', join(directory, 'users')],
  ];
}

async function makeRootfs(): Promise<void> {
  const archive = join(directory, 'busybox.tar');
  await exportBusybox(archive);
  await mkdir(rootfs());
  await output(['tar', '-C', rootfs(), '-xf', archive]);
  // As in an image; it was a temporary directory.
  await output(['chmod', '755', rootfs()]);
  await output(['tar', '-C', rootfs(), '-cf', archive, '.']);
  await makeOddFiles(rootfs());
}

/** Of a container of the image that runs for as long as it is looked at. */
async function listedHere(name: string): Promise<string> {
  const id = await ok('run', '-d', name, 'sleep', '600');
  try {
    return await listOddFiles(`/proc/${await ok('inspect', '--format', '{{.State.Pid}}', id)}/root`);
  } finally {
    await ok('rm', '-f', id);
  }
}

async function skopeo(from: string, to: string): Promise<void> {
  const flags = ['src', 'dest'].flatMap((side) => [
    `--${side}-creds`,
    `ci:${PASSWORD}`,
    `--${side}-cert-dir`,
    certificates(),
  ]);
  await outside('skopeo', '--insecure-policy', 'copy', ...flags, from, to);
}

describe('files that are easily lost', () => {
  it('come through import, push, pull, save and load', async () => {
    const tar = join(directory, 'odd.tar');
    await output(['tar', '-C', rootfs(), '--format=pax', '--xattrs', '--xattrs-include=*', '-cf', tar, '.']);
    await ok('import', '--change', 'CMD ["/bin/sh"]', tar, image('odd:1'));
    expect(await listedHere(image('odd:1'))).toBe(odd);
    await ok('push', image('odd:1'));
    await ok('save', '-o', join(directory, 'saved.tar'), image('odd:1'));
    await ok('rmi', image('odd:1'));
    await ok('pull', image('odd:1'));
    expect(await listedHere(image('odd:1'))).toBe(odd);
    await ok('rmi', image('odd:1'));
    await ok('load', '-i', join(directory, 'saved.tar'));
    expect(await listedHere(image('odd:1'))).toBe(odd);
  });

  it('come through commit, and out by export', async () => {
    await ok('import', join(directory, 'busybox.tar'), 'busybox');
    const id = await ok('run', '-d', 'busybox', 'sleep', '600');
    await copyOddFiles(rootfs(), `/proc/${await ok('inspect', '--format', '{{.State.Pid}}', id)}/root`);
    await ok('commit', id, image('committed:1'));
    await ok('export', '-o', join(directory, 'exported.tar'), id);
    await ok('rm', '-f', id);
    expect(await listedHere(image('committed:1'))).toBe(odd);
    await ok('push', image('committed:1'));
    const exported = join(directory, 'exported');
    await mkdir(exported);
    await output(['tar', '-C', exported, '--xattrs', '--xattrs-include=*', '-xpf', join(directory, 'exported.tar')]);
    expect(await listOddFiles(exported)).toBe(odd);
  });

  it('may be used: a program with a capability has it', async () => {
    const flags = ['--user', '1000', '--cap-drop', 'all', '--cap-add', 'net_raw'];
    expect(await ok('run', '--rm', ...flags, image('committed:1'), '/odd/ping', '-c', '1', '127.0.0.1')).toContain(
      '1 packets received',
    );
  });
});

describe.runIf(has('umoci') && has('skopeo'))('umoci', () => {
  const layout = () => join(directory, 'layout');

  it('unpacks what was made here', async () => {
    for (const name of ['odd', 'committed']) {
      await skopeo(`docker://${image(`${name}:1`)}`, `oci:${layout()}:${name}`);
      await output(['umoci', 'unpack', '--image', `${layout()}:${name}`, join(directory, `bundle-${name}`)]);
      expect(await listOddFiles(join(directory, `bundle-${name}`, 'rootfs'))).toBe(odd);
    }
  });

  it('makes what runs here', async () => {
    const bundle = join(directory, 'bundle');
    await output(['umoci', 'new', '--image', `${layout()}:made`]);
    await output(['umoci', 'unpack', '--image', `${layout()}:made`, bundle]);
    await output(['cp', '-a', '--sparse=always', `${rootfs()}/.`, join(bundle, 'rootfs')]);
    await output(['umoci', 'repack', '--image', `${layout()}:made`, bundle]);
    await skopeo(`oci:${layout()}:made`, `docker://${image('umoci:1')}`);
    expect(await listedHere(image('umoci:1'))).toBe(odd);
  });
});

describe.runIf(has('buildah'))('buildah', () => {
  const buildah = async (...argv: string[]) => {
    const own = [
      '--storage-driver',
      'vfs',
      '--root',
      join(directory, 'buildah'),
      '--runroot',
      join(directory, 'buildah-run'),
    ];
    return (await outside('buildah', ...own, ...argv)).trim();
  };
  const access = () => ['--creds', `ci:${PASSWORD}`, '--cert-dir', certificates()];

  afterAll(async () => {
    await buildah('rm', '--all').catch(() => undefined);
    await output(['sh', '-c', `grep -o "${directory}/buildah[^ ]*" /proc/mounts | sort -r | xargs -r umount -l`]);
  });

  it('has what was made here', async () => {
    for (const name of ['odd', 'committed']) {
      const container = await buildah(
        'from',
        '--signature-policy',
        policy(),
        ...access(),
        `docker://${image(`${name}:1`)}`,
      );
      expect(await listOddFiles(await buildah('mount', container))).toBe(oddOfDocker());
    }
  });

  it('makes what runs here', async () => {
    const container = await buildah('from', 'scratch');
    await output(['cp', '-a', '--sparse=always', `${rootfs()}/.`, await buildah('mount', container)]);
    await buildah('commit', '--signature-policy', policy(), container, 'made');
    await buildah('push', '--signature-policy', policy(), ...access(), 'made', `docker://${image('buildah:1')}`);
    expect(await listedHere(image('buildah:1'))).toBe(odd);
  });

  it('builds on what was made here', async () => {
    await writeFile(
      join(directory, 'Containerfile'),
      `FROM ${image('odd:1')}\nRUN echo built >/built\nCMD ["cat", "/built"]\n`,
    );
    const flags = ['--signature-policy', policy(), '--isolation', 'chroot', ...access()];
    await buildah('bud', ...flags, '-f', join(directory, 'Containerfile'), '-t', 'built', directory);
    await buildah('push', '--signature-policy', policy(), ...access(), 'built', `docker://${image('built:1')}`);
    expect(await ok('run', '--rm', image('built:1'))).toBe('built');
  });

  function policy(): string {
    return join(directory, 'policy.json');
  }

  beforeAll(async () => {
    await writeFile(policy(), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  });
});

describe.runIf(has('dockerd') && has('containerd'))('Docker', () => {
  let peer: DockerPeer | undefined;
  beforeAll(async () => {
    peer = await DockerPeer.start(['--insecure-registry', REGISTRY]);
    await peer?.connect(host.name);
    await peer?.routeThroughNeighbour(HOST_ADDRESS);
  }, 120_000);
  afterAll(() => peer?.stop());

  const docker = async (...argv: string[]) => {
    if (peer === undefined) throw new Error('dockerd has not been started');
    return (await output(peer.command(argv), { env, timeoutMs: 120_000 })).trim();
  };

  it('pulls what was made here, and pushes what runs here, with its login', async () => {
    if (peer === undefined) return;
    const login = peer.command(['login', '-u', 'ci', '--password-stdin', REGISTRY]);
    expect(await output(login, { env, stdin: PASSWORD })).toContain('Login Succeeded');
    for (const name of ['odd:1', 'committed:1']) {
      await docker('pull', image(name));
      expect(await listedThere(image(name))).toBe(oddOfDocker());
      await docker('rmi', image(name));
    }
    await docker('import', '--change', 'CMD ["/bin/sh"]', join(directory, 'odd.tar'), image('docker:1'));
    await docker('push', image('docker:1'));
    expect(await listedHere(image('docker:1'))).toBe(odd);
  });

  async function listedThere(name: string): Promise<string> {
    const id = await docker('run', '-d', '--network', 'none', name, 'sleep', '600');
    try {
      return await listOddFiles(`/proc/${await docker('inspect', '--format', '{{.State.Pid}}', id)}/root`);
    } finally {
      await docker('rm', '-f', id);
    }
  }

  it('loads what was saved here', async () => {
    await docker('load', '-i', join(directory, 'saved.tar'));
    expect(await listedThere(image('odd:1'))).toBe(oddOfDocker());
    await ok('save', '-o', join(directory, 'committed.tar'), image('committed:1'));
    await docker('load', '-i', join(directory, 'committed.tar'));
    expect(await listedThere(image('committed:1'))).toBe(oddOfDocker());
  });

  it('saves what runs here', async () => {
    await docker('tag', image('docker:1'), 'saved:1');
    await docker('save', '-o', join(directory, 'docker.tar'), 'saved:1');
    await ok('load', '-i', join(directory, 'docker.tar'));
    expect(await listedHere('saved:1')).toBe(odd);
  });
});
