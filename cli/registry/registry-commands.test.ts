import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import {
  type ImageBuildRequest,
  type ImageBuildResponse,
  type ImagePullRequest,
  type ImagePullResponse,
  type ImagePushRequest,
  type ImagePushResponse,
  PullOrder,
  type RegistryLoginRequest,
  TransferPhase,
} from '../../proto/generated/gantry/v1/engine.ts';
import { bidiMethod, serverStreamMethod, unaryMethod } from '../../proto/server.ts';
import { FakeDaemon, runCli } from '../fake-daemon.testing.ts';

const DIGEST = `sha256:${'1'.repeat(64)}`;

let daemon: FakeDaemon;
let home: string;
beforeEach(() => {
  daemon = new FakeDaemon();
  home = mkdtempSync(join(tmpdir(), 'gantry-home-'));
});
afterEach(() => {
  daemon.stop();
  rmSync(home, { recursive: true, force: true });
});

/** A home directory of its own, and helpers in its bin. */
const env = () => ({ HOME: home, PATH: `${join(home, 'bin')}:${process.env.PATH ?? ''}` });
const gantry = (argv: readonly string[], input = '') =>
  runCli(daemon.host, argv, { env: env(), input: Buffer.from(input) });

function writeConfig(directory: '.docker' | '.gantry', settings: object): void {
  mkdirSync(join(home, directory), { recursive: true });
  writeFileSync(join(home, directory, 'config.json'), JSON.stringify(settings));
}

function readConfig(): Record<string, unknown> {
  return JSON.parse(readFileSync(join(home, '.gantry', 'config.json'), 'utf8')) as Record<string, unknown>;
}

/** A helper that keeps one secret in a file, and writes down what it is asked. */
function installHelper(): void {
  mkdirSync(join(home, 'bin'));
  const path = join(home, 'bin', 'docker-credential-file');
  const script = `#!/bin/sh
input=$(cat); echo "$1 $input" >>${home}/asked
case $1 in
  store) echo "$input" >${home}/kept ;;
  get) cat ${home}/kept 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
  erase) rm ${home}/kept ;;
esac
`;
  writeFileSync(path, script);
  chmodSync(path, 0o755);
}

const progress = (layer: string, phase: TransferPhase): ImagePullResponse => ({
  message: { $case: 'progress', value: { layer, phase, currentBytes: 1, totalBytes: 2, detail: '' } },
});

function pullMethod(requests: ImagePullRequest[], isNew = true) {
  return serverStreamMethod<ImagePullRequest, ImagePullResponse>(async function* (request) {
    requests.push(request);
    yield { message: { $case: 'pulling', value: { repository: 'library/bb', version: 'latest' } } };
    for (const phase of [TransferPhase.WAITING, TransferPhase.DOWNLOADING, TransferPhase.PULLED]) {
      yield progress('0123456789ab', phase);
    }
    const value = { name: 'bb:latest', digest: DIGEST, isNew, imageId: DIGEST };
    yield { message: { $case: 'pulled', value } };
  });
}

describe('pull', () => {
  it('shows what Docker shows', async () => {
    await daemon.start({ imagePull: pullMethod([]) });
    expect(await gantry(['pull', 'bb'])).toMatchObject({
      exitCode: 0,
      stdout:
        'Using default tag: latest\nlatest: Pulling from library/bb\n0123456789ab: Pulling fs layer\n' +
        `0123456789ab: Pull complete\nDigest: ${DIGEST}\nStatus: Downloaded newer image for bb:latest\n` +
        'docker.io/library/bb:latest\n',
    });
  });

  it('is quiet when told so, and says when there is nothing new', async () => {
    await daemon.start({ imagePull: pullMethod([], false) });
    expect((await gantry(['pull', '-q', 'bb:latest'])).stdout).toBe('docker.io/library/bb:latest\n');
    expect((await gantry(['pull', 'bb:latest'])).stdout).toContain('Status: Image is up to date for bb:latest\n');
  });

  it('passes on platform, all tags, and what the registry is to be shown', async () => {
    const requests: ImagePullRequest[] = [];
    await daemon.start({ imagePull: pullMethod(requests) });
    writeConfig('.docker', { auths: { 'https://reg:5000/v1/': { auth: Buffer.from('me:p:w').toString('base64') } } });
    await gantry(['image', 'pull', '-a', '--platform', 'linux/arm64', 'reg:5000/bb']);
    await gantry(['pull', 'bb']);
    // A pull looks for what is newest.
    const order = PullOrder.REGISTRY_FIRST;
    expect(requests).toEqual([
      {
        ...{ reference: 'reg:5000/bb', platform: 'linux/arm64', allTags: true, order },
        credentials: { username: 'me', password: 'p:w', identityToken: '', registryToken: '' },
      },
      { reference: 'bb', platform: '', allTags: false, credentials: undefined, order },
    ]);
  });

  it('asks helpers, and goes on without one that fails', async () => {
    const requests: ImagePullRequest[] = [];
    await daemon.start({ imagePull: pullMethod(requests) });
    installHelper();
    writeFileSync(join(home, 'kept'), JSON.stringify({ ServerURL: 'x', Username: '<token>', Secret: 'refresh' }));
    writeConfig('.docker', { credHelpers: { 'reg:5000': 'file' }, credsStore: 'missing' });
    await gantry(['pull', 'reg:5000/bb']);
    expect(requests[0]?.credentials).toMatchObject({ username: '', password: '', identityToken: 'refresh' });
    const finished = await gantry(['pull', 'bb']);
    expect(finished.exitCode).toBe(0);
    expect(finished.stderr).toMatch(
      /^gantry: warning: without credentials for docker.io: cannot run docker-credential-missing/,
    );
  });
});

describe('build', () => {
  it('sends what it has for all registries, and whether to ask them for base images', async () => {
    const options: unknown[] = [];
    const imageBuild = bidiMethod<ImageBuildRequest, ImageBuildResponse>(async function* (requests) {
      for await (const { message } of requests) if (message?.$case === 'options') options.push(message.value);
      yield { message: { $case: 'imageId', value: DIGEST } };
    });
    await daemon.start({ imageBuild });
    writeConfig('.docker', { auths: { 'reg:5000': { auth: 'bWU6cHc=' } } });
    writeConfig('.gantry', { auths: { 'https://index.docker.io/v1/': { auth: 'bWU6cHc=' } } });
    const context = 'https://example.com/context.tar';
    expect(await gantry(['build', '-q', '--pull', context])).toMatchObject({ exitCode: 0, stdout: `${DIGEST}\n` });
    const me = { username: 'me', password: 'pw' };
    expect(options).toMatchObject([
      { pull: true, contextUrl: context, credentials: { 'docker.io': me, 'reg:5000': me } },
    ]);
  });
});

describe('push', () => {
  it('shows what Docker shows', async () => {
    const requests: ImagePushRequest[] = [];
    const imagePush = serverStreamMethod<ImagePushRequest, ImagePushResponse>(async function* (request) {
      requests.push(request);
      yield { message: { $case: 'pushing', value: { repository: 'reg:5000/bb' } } };
      yield progress('0123456789ab', TransferPhase.WAITING) as ImagePushResponse;
      yield progress('0123456789ab', TransferPhase.PUSHED) as ImagePushResponse;
      yield { message: { $case: 'pushed', value: { tag: '1', digest: DIGEST, sizeBytes: 529 } } };
    });
    await daemon.start({ imagePush });
    expect(await gantry(['push', 'reg:5000/bb:1'])).toMatchObject({
      exitCode: 0,
      stdout:
        'The push refers to repository [reg:5000/bb]\n0123456789ab: Preparing\n0123456789ab: Pushed\n' +
        `1: digest: ${DIGEST} size: 529\n`,
    });
    expect((await gantry(['push', '-q', 'reg:5000/bb:1'])).stdout).toBe('reg:5000/bb:1\n');
    expect(requests[0]).toMatchObject({ reference: 'reg:5000/bb:1', allTags: false });
  });
});

describe('login', () => {
  const requests: RegistryLoginRequest[] = [];
  const registryLogin = unaryMethod<RegistryLoginRequest, object>(async (request) => {
    requests.push(request);
    if (request.credentials?.password !== 'pw')
      throw new GantryError('PERMISSION_DENIED', 'incorrect username or password');
    return {};
  });
  beforeEach(async () => {
    requests.length = 0;
    await daemon.start({ registryLogin });
  });

  it('verifies the credentials, then keeps them for their owner alone, beside other settings', async () => {
    writeConfig('.gantry', { currentContext: 'default', other: 1 });
    const argv = ['login', '-u', 'me', '--password-stdin', 'https://reg:5000'];
    expect(await gantry(argv, 'no\n')).toMatchObject({
      exitCode: 1,
      stderr: 'gantry: incorrect username or password\n',
    });
    expect(readConfig()).toEqual({ currentContext: 'default', other: 1 });
    const finished = await gantry(argv, 'pw\n');
    expect(finished).toMatchObject({ exitCode: 0, stdout: 'Login Succeeded\n' });
    expect(finished.stderr).toContain('stored in clear text in');
    expect(requests.at(-1)).toMatchObject({ registry: 'reg:5000', credentials: { username: 'me', password: 'pw' } });
    expect(readConfig()).toMatchObject({ other: 1, auths: { 'reg:5000': { auth: 'bWU6cHc=' } } });
    expect(statSync(join(home, '.gantry', 'config.json')).mode & 0o777).toBe(0o600);
    expect((await gantry(['login', 'reg:5000'])).stdout).toBe(
      'Authenticating with existing credentials...\nLogin Succeeded\n',
    );
    expect((await gantry(['logout', 'reg:5000'])).stdout).toBe('Removing login credentials for reg:5000\n');
    expect((await gantry(['logout', 'reg:5000'])).stdout).toBe('Not logged in to reg:5000\n');
    expect(readConfig()).toMatchObject({ other: 1, auths: {} });
  });

  it('is for Docker Hub without a server; a helper keeps what it is told', async () => {
    installHelper();
    writeConfig('.gantry', { credsStore: 'file' });
    expect(await gantry(['login', '-u', 'me', '-p', 'pw'])).toMatchObject({ exitCode: 0, stdout: 'Login Succeeded\n' });
    expect(requests[0]).toMatchObject({ registry: 'docker.io' });
    expect(readConfig()).toEqual({ credsStore: 'file', auths: { 'https://index.docker.io/v1/': {} } });
    expect(JSON.parse(readFileSync(join(home, 'kept'), 'utf8'))).toEqual({
      ServerURL: 'https://index.docker.io/v1/',
      Username: 'me',
      Secret: 'pw',
    });
    expect((await gantry(['logout'])).stdout).toBe('Removing login credentials for docker.io\n');
  });

  it('of Docker is used, and left to Docker', async () => {
    writeConfig('.docker', { auths: { reg: { auth: 'bWU6cHc=' } } });
    expect((await gantry(['login', 'reg'])).stdout).toContain('Login Succeeded');
    const finished = await gantry(['logout', 'reg']);
    expect(finished).toMatchObject({
      exitCode: 1,
      stderr: "gantry: the login for reg is Docker's; use 'docker logout reg'\n",
    });
  });

  it.each([
    [['login', '--password-stdin'], 'must provide --username with --password-stdin'],
    [['login', '-u', 'a', '-p', 'b', '--password-stdin'], '--password and --password-stdin are mutually exclusive'],
    [['login', '-u', 'a'], 'cannot perform an interactive login from a non TTY device'],
    [['login', '-u', 'a', '--password-stdin'], 'password required'],
  ])('%j is refused', async (argv, message) => {
    const { exitCode, stderr } = await gantry(argv);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`gantry: ${message}`);
  });
});

describe('run and create', () => {
  function engine(requests: ImagePullRequest[]) {
    return {
      imagePull: pullMethod(requests),
      containerCreate: unaryMethod(async () => {
        if (requests.length === 0) throw new GantryError('IMAGE_NOT_FOUND', 'No such image: bb');
        return { id: 'id1', warnings: [] };
      }),
    };
  }

  it('pull what isn’t there, and show it on standard error', async () => {
    const requests: ImagePullRequest[] = [];
    await daemon.start(engine(requests));
    const finished = await gantry(['create', 'bb']);
    expect(finished).toMatchObject({ exitCode: 0, stdout: 'id1\n' });
    expect(finished.stderr).toMatch(/^Unable to find image 'bb:latest' locally\nlatest: Pulling from library\/bb\n/);
    expect((await gantry(['create', 'bb'])).stderr).toBe('');
    expect(requests).toHaveLength(1);
  });

  it('pull always or never, as told', async () => {
    const requests: ImagePullRequest[] = [];
    await daemon.start(engine(requests));
    expect(await gantry(['create', '--pull', 'never', 'bb'])).toMatchObject({ exitCode: 1, stdout: '' });
    expect(requests).toHaveLength(0);
    expect(await gantry(['create', '--pull=always', '-q', 'bb'])).toMatchObject({ exitCode: 0, stderr: '' });
    await gantry(['create', '--pull', 'always', 'bb']);
    expect(requests).toHaveLength(2);
    expect(await gantry(['create', '--pull', 'often', 'bb'])).toMatchObject({ exitCode: 125 });
  });
});
