/** Images for several platforms: built at once, to registries and archives and back, and run where they can be. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { output, runCommand } from '../lab/command.ts';
import { DockerRegistry, REGISTRY_LOGIN } from '../lab/docker-registry.ts';
import { Host, NEIGHBOUR_ADDRESS } from '../lab/host.ts';
import { exportBusybox } from '../lab/image.ts';

const OWN = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64';
const FOREIGN = 'linux/s390x';
const BOTH = `${OWN},${FOREIGN}`;
const BINFMT = '/proc/sys/fs/binfmt_misc';
/** Where QEMU is registered for it, it runs. */
const isEmulated = existsSync(join(BINFMT, 'qemu-s390x'));
const NODE_REGISTRY = '127.0.0.1:5000';

let host: Host;
let registry: DockerRegistry;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gantry-build-platforms-'));
  host = await Host.create('platforms');
  registry = await DockerRegistry.start(NEIGHBOUR_ADDRESS, (argv) => host.outside(argv));
  await host.start(['--registry-addr', NODE_REGISTRY, '--registry-certs', registry.certificates]);
});

afterAll(async () => {
  await host.destroy();
  await registry.destroy();
  await rm(directory, { recursive: true, force: true });
});

async function build(flags: readonly string[], dockerfile: string, files: Readonly<Record<string, string>> = {}) {
  const context = await mkdtemp(join(directory, 'context-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(context, name), text, { mode: 0o755 });
  return await host.gantry(['build', '--progress=plain', '-f', '-', ...flags, context], { stdin: dockerfile });
}

const inspect = (reference: string, format: string, ...flags: string[]) =>
  host.ok(['image', 'inspect', '--format', format, ...flags, reference]);
const skopeo = (...argv: string[]) => output(host.inside(['skopeo', '--insecure-policy', ...argv]));

interface RawIndex {
  readonly mediaType: string;
  readonly manifests: { readonly digest: string; readonly platform: { readonly architecture: string } }[];
}

const architectures = ({ manifests }: RawIndex) => manifests.map(({ platform }) => platform.architecture);
const EXPECTED = BOTH.split(',').map((platform) => platform.slice('linux/'.length));

describe('a build for two platforms', () => {
  it('that copies files gives one image of two', async () => {
    const dockerfile = 'FROM scratch\nARG TARGETARCH\nCOPY file /for-$TARGETARCH\nLABEL arch=$TARGETARCH\n';
    const built = await build(['--platform', BOTH, '-t', 'files:1'], dockerfile, { file: 'x' });
    expect(built).toMatchObject({ code: 0 });
    expect(built.stderr).toContain(`[${FOREIGN} 2/2] COPY file /for-$TARGETARCH`);
    expect(built.stderr).toContain(`[${OWN} 2/2] COPY file /for-$TARGETARCH`);
    expect(await host.ok(['images', '--format', '{{.Repository}}:{{.Tag}}'])).toBe('files:1');
    const format = '{{.Os}}/{{.Architecture}} {{.Config.Labels.arch}} {{.RepoTags}}';
    expect(await inspect('files:1', format)).toBe(`${OWN} ${OWN.slice(6)} [files:1]`);
    expect(await inspect('files:1', format, '--platform', FOREIGN)).toBe(`${FOREIGN} s390x [files:1]`);
    const missing = await host.gantry(['image', 'inspect', '--platform', 'linux/riscv64', 'files:1']);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('does not provide the specified platform (linux/riscv64)');
  });

  it('is made on one for two, with stages on the host for both', async () => {
    const context = await mkdtemp(join(directory, 'base-'));
    await exportBusybox(join(context, 'root.tar'));
    await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nADD root.tar /\nENV PATH=/bin\nCMD ["sh"]\n');
    await host.ok(['build', '--platform', BOTH, '-t', 'base:1', context]);
    const dockerfile = [
      'FROM --platform=$BUILDPLATFORM base:1 AS make',
      'RUN cat /proc/sys/kernel/random/uuid >/id',
      'ARG TARGETPLATFORM',
      'RUN echo "made for $TARGETPLATFORM" >/which',
      'FROM base:1',
      'COPY --from=make /id /which /',
    ].join('\n');
    expect(await build(['--platform', BOTH, '-t', 'app:1'], dockerfile)).toMatchObject({ code: 0 });
    expect(await host.ok(['run', '--rm', 'app:1', 'cat', '/which'])).toBe(`made for ${OWN}`);
    const out = join(directory, 'out');
    expect(
      await build(['--platform', BOTH, '-o', out], `${dockerfile}\nFROM scratch\nCOPY --from=1 /id /which /\n`),
    ).toMatchObject({ code: 0 });
    const places = EXPECTED.map((architecture) => join(out, `linux_${architecture}`));
    expect(readdirSync(out).sort()).toEqual(EXPECTED.map((architecture) => `linux_${architecture}`).sort());
    const [own, foreign] = places.map((place) => readFileSync(join(place, 'id'), 'utf8'));
    expect(own).toBe(foreign);
    expect(readFileSync(join(out, 'linux_s390x/which'), 'utf8')).toBe(`made for ${FOREIGN}\n`);
  });

  it.skipIf(isEmulated)('says which step cannot be run here, and why', async () => {
    const { code, stderr } = await build(['--platform', BOTH, '-t', 'no:1'], 'FROM base:1\nRUN true\n');
    expect(code).toBe(1);
    expect(stderr).toContain(`RUN true: this host is ${OWN} and cannot run programs of ${FOREIGN}`);
    expect(stderr).toContain('binfmt_misc');
    expect(await host.gantry(['image', 'inspect', 'no:1'])).toMatchObject({ code: 1 });
  });

  it('on what is not for one of them says what it is for', async () => {
    const { code, stderr } = await build(['--platform', `${OWN},linux/riscv64`], 'FROM base:1\n');
    expect(code).toBe(1);
    expect(stderr).toContain(`base:1 is here for ${OWN}, ${FOREIGN}, and for linux/riscv64 it cannot be had`);
  });
});

describe('an image for two platforms', () => {
  it("goes to a node's registry whole, where skopeo reads it, and comes back for one and the other", async () => {
    const name = `${NODE_REGISTRY}/team/app:1`;
    expect(
      await build(['--platform', BOTH, '--push', '-t', name], 'FROM base:1\nCOPY x /\n', { x: 'x' }),
    ).toMatchObject({
      code: 0,
    });
    const raw: RawIndex = JSON.parse(await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${name}`));
    expect(raw.mediaType).toBe('application/vnd.oci.image.index.v1+json');
    expect(architectures(raw)).toEqual(EXPECTED);
    const foreign = ['--override-arch', 's390x', 'inspect', '--tls-verify=false', `docker://${name}`];
    expect(JSON.parse(await skopeo(...foreign))).toMatchObject({ Architecture: 's390x' });
    const digest = await inspect(name, '{{index .RepoDigests 0}}');
    await host.ok(['rmi', name]);
    await host.ok(['pull', '--platform', FOREIGN, name]);
    expect(await inspect(name, '{{.Architecture}} {{index .RepoDigests 0}}')).toBe(`s390x ${digest}`);
    await host.ok(['pull', name]);
    expect(await inspect(name, '{{.Architecture}}')).toBe(OWN.slice(6));
    expect(await inspect(name, '{{.Architecture}}', '--platform', FOREIGN)).toBe('s390x');
    await host.ok(['rmi', name]);
  });

  it("goes to Debian's docker-registry, and from there into a layout that is loaded", async () => {
    const name = `${registry.host}/team/app:1`;
    const env = { HOME: directory };
    const { username, password } = REGISTRY_LOGIN;
    await host.ok(['login', '-u', username, '--password-stdin', registry.host], { env, stdin: password });
    await host.ok(['tag', 'app:1', name]);
    expect(await host.ok(['push', name], { env })).toMatch(/^1: digest: sha256:[0-9a-f]{64} size: \d+$/m);
    const certificates = join(registry.certificates, registry.host);
    const login = ['--creds', `${username}:${password}`, '--cert-dir', certificates];
    expect(architectures(JSON.parse(await skopeo('inspect', '--raw', ...login, `docker://${name}`)))).toEqual(EXPECTED);
    const archive = join(directory, 'copied.tar');
    const from = ['--src-creds', `${username}:${password}`, '--src-cert-dir', certificates];
    await skopeo('copy', '--all', ...from, `docker://${name}`, `oci-archive:${archive}:loaded:1`);
    await host.ok(['rmi', name]);
    await host.ok(['load', '-i', archive]);
    expect(await inspect('loaded:1', '{{.Architecture}}', '--platform', FOREIGN)).toBe('s390x');
    expect(await inspect('loaded:1', '{{.Id}}')).toBe(await inspect('app:1', '{{.Id}}'));
    await host.ok(['rmi', 'loaded:1']);
  });

  it('is saved and loaded, outlives gantryd, and goes with its name', async () => {
    const archive = join(directory, 'saved.tar');
    await host.ok(['save', '-o', archive, 'app:1']);
    const copied = join(directory, 'copied');
    await skopeo('copy', '--all', `oci-archive:${archive}:1`, `dir:${copied}`);
    expect(architectures(JSON.parse(readFileSync(join(copied, 'manifest.json'), 'utf8')))).toEqual(EXPECTED);
    await host.ok(['rmi', 'app:1']);
    expect(await host.gantry(['image', 'inspect', '--platform', FOREIGN, 'app:1'])).toMatchObject({ code: 1 });
    expect(await host.ok(['load', '-i', archive])).toBe('Loaded image: app:1');
    await host.stop('SIGKILL');
    await host.start(['--registry-addr', NODE_REGISTRY, '--registry-certs', registry.certificates]);
    expect(await inspect('app:1', '{{.Architecture}}', '--platform', FOREIGN)).toBe('s390x');
    await host.ok(['save', '--platform', FOREIGN, '-o', archive, 'app:1']);
    expect(await host.ok(['image', 'prune', '-f'])).toContain('Total reclaimed space: 0B');
    await host.ok(['rmi', 'app:1']);
    await host.ok(['load', '-i', archive]);
    expect(await inspect('app:1', '{{.Architecture}}')).toBe('s390x');
    await host.ok(['rmi', 'app:1']);
  });

  it.skipIf(isEmulated)('is not run for what this host is not', async () => {
    const { code, stderr } = await host.gantry(['run', '--rm', '--platform', FOREIGN, 'base:1', 'true']);
    expect(code).toBe(125);
    expect(stderr).toContain(`base:1: this host is ${OWN} and cannot run programs of ${FOREIGN}`);
    expect(stderr).toContain('binfmt_misc');
    expect(await host.ok(['run', '--rm', '--platform', OWN, 'base:1', 'echo', 'ran'])).toBe('ran');
  });

  it('is built for both by compose build', async () => {
    const project = await mkdtemp(join(directory, 'project-'));
    await writeFile(
      join(project, 'compose.yaml'),
      `services:\n  web:\n    image: web:1\n    build: {dockerfile_inline: "FROM base:1", platforms: [${FOREIGN}, ${OWN}]}\n`,
    );
    const cwd = project;
    await host.ok(['compose', 'build'], { cwd });
    expect(await inspect('web:1', '{{.Architecture}}', '--platform', FOREIGN)).toBe('s390x');
    expect(await inspect('web:1', '{{.Architecture}}')).toBe(OWN.slice(6));
    await host.ok(['rmi', 'web:1']);
  });
});

/** The kernel's for the whole machine: what is registered here is for an architecture that nobody else tests with. */
describe('programs of another platform', () => {
  const MACHINE = 'loong64';
  const entry = `gantry-test-${process.pid}`;
  let isMounted = true;

  beforeAll(async () => {
    isMounted = existsSync(join(BINFMT, 'register'));
    if (!isMounted) await output(['mount', '-t', 'binfmt_misc', 'binfmt_misc', BINFMT]);
    // Called as echo, busybox says what it was told to run.
    const interpreter = join(directory, 'echo');
    await copyFile(execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim(), interpreter);
    const magic = `\\x7fELF\\x02\\x01\\x01${'\\x00'.repeat(9)}\\x02\\x00\\x02\\x01`;
    const mask = `${'\\xff'.repeat(7)}${'\\x00'.repeat(9)}\\xfe\\xff\\xff\\xff`;
    await writeFile(join(BINFMT, 'register'), `:${entry}:M:0:${magic}:${mask}:${interpreter}:F`);
    await rm(interpreter);
  });
  afterAll(async () => {
    await writeFile(join(BINFMT, entry), '-1');
    if (!isMounted) await runCommand(['umount', BINFMT]);
  });

  it('are run where the kernel has an interpreter for them', async () => {
    const header = Buffer.alloc(64);
    header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    header.writeUInt16LE(2, 16);
    header.writeUInt16LE(258, 18);
    const dockerfile = 'FROM scratch\nCOPY prog /\nRUN ["/prog", "in a build"]\nCMD ["/prog", "in a container"]\n';
    const flags = ['--platform', `linux/${MACHINE}`, '-t', 'foreign:1'];
    const built = await build(flags, dockerfile, { prog: header.toString('latin1') });
    expect(built.stderr).toContain('/prog in a build');
    expect(built.code).toBe(0);
    expect(await host.ok(['run', '--rm', 'foreign:1'])).toBe('/prog in a container');
  });
});
