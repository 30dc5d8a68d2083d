/** Contexts as a user makes, uses and removes them. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestAuthority } from '../../../proto/identity.testing.ts';
import type { NodeIdentity } from '../../../proto/tls.ts';
import { formatContext } from '../../context/context.ts';
import { type Finished, runCli, type Surroundings } from '../../fake-daemon.testing.ts';

let directory: string;
let identity: NodeIdentity;
let other: NodeIdentity;

beforeAll(async () => {
  const authority = await TestAuthority.create();
  identity = await authority.issueClient('ci', 'c1');
  other = await (await TestAuthority.create()).issueClient('ci', 'c1');
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-contexts-'));
  for (const [file, text] of Object.entries({ ca: identity.caPem, cert: identity.certPem, key: identity.keyPem })) {
    writeFileSync(join(directory, `${file}.pem`), text);
  }
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const ENDPOINT = 'host=tcp://10.0.0.1:2377,host=tcp://h2,ca=ca.pem,cert=cert.pem,key=key.pem';

function gantry(argv: readonly string[], surroundings: Surroundings = {}): Promise<Finished> {
  const env = { HOME: directory, ...surroundings.env };
  return runCli(undefined, ['context', ...argv], { ...surroundings, cwd: directory, env });
}

async function ok(...argv: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await gantry(argv);
  expect(stderr).not.toMatch(/^gantry:/m);
  expect(exitCode).toBe(0);
  return stdout.trimEnd();
}

async function refused(argv: readonly string[], input?: string): Promise<string> {
  const before = readdirSync(directory, { recursive: true });
  const { exitCode, stderr } = await gantry(argv, input === undefined ? {} : { input: Buffer.from(input) });
  expect(exitCode).not.toBe(0);
  expect(readdirSync(directory, { recursive: true })).toEqual(before);
  return stderr.trimEnd();
}

const file = (changes: Partial<NodeIdentity> = {}) =>
  formatContext({ name: 'x', description: 'd', hosts: ['tcp://10.0.0.1:2377'], identity: { ...identity, ...changes } });

describe('a context', () => {
  it('is made, used, changed and removed', async () => {
    expect(await ok('create', 'prod', '--description', 'the shop', '--docker', ENDPOINT)).toBe('prod');
    expect(await ok('create', 'test', '--from', 'prod')).toBe('test');
    expect(await ok('show')).toBe('default');
    expect(await ok('use', 'prod')).toBe('prod');
    expect(await ok('show')).toBe('prod');
    await ok('update', 'test', '--description', 'for tests');
    expect(await ok('ls', '--format', '{{.Name}} {{.Current}} {{.Description}} {{.DockerEndpoint}}{{.Error}}')).toBe(
      [
        'default false Current GANTRY_HOST based configuration unix:///run/gantry/gantry.sock',
        'prod true the shop tcp://10.0.0.1:2377,tcp://h2',
        'test false for tests tcp://10.0.0.1:2377,tcp://h2',
      ].join('\n'),
    );
    expect(await ok('inspect', '--format', '{{.Name}} {{.Endpoints.docker.Host}} {{.Client.Name}}')).toBe(
      'prod tcp://10.0.0.1:2377 ci',
    );
    expect(await refused(['rm', 'prod'])).toContain('context "prod" is in use');
    await ok('rm', 'test');
    await ok('rm', '--force', 'prod');
    expect(await ok('ls', '-q')).toBe('default');
    expect(await ok('show')).toBe('default');
  });

  it('is for nobody else to read, and leaves nothing half written', async () => {
    await ok('create', 'prod', '--gantry', ENDPOINT);
    await ok('use', 'prod');
    const home = join(directory, '.gantry');
    expect(statSync(home).mode & 0o777).toBe(0o700);
    expect(
      readdirSync(home, { recursive: true })
        .map(String)
        .toSorted((a, b) => a.localeCompare(b)),
    ).toEqual(['config.json', 'contexts', 'contexts/prod.json']);
    for (const path of ['config.json', 'contexts/prod.json'])
      expect(statSync(join(home, path)).mode & 0o777).toBe(0o600);
  });

  it('goes to another host and back as one file', async () => {
    await ok('create', 'prod', '--gantry', ENDPOINT);
    await ok('export', 'prod');
    const exported = readFileSync(join(directory, 'prod.gantrycontext'), 'utf8');
    expect(statSync(join(directory, 'prod.gantrycontext')).mode & 0o777).toBe(0o600);
    expect(await refused(['export', 'prod'])).toContain('is there already');
    await ok('import', 'again', 'prod.gantrycontext');
    const piped = await gantry(['import', 'piped', '-'], { input: Buffer.from(exported) });
    expect(piped).toMatchObject({ exitCode: 0, stdout: 'piped\n' });
    expect((await gantry(['export', 'piped', '-'])).stdout).toBe(exported.replace('"prod"', '"piped"'));
  });

  it('gets its key where it was made', async () => {
    writeFileSync(join(directory, 'x'), file({ keyPem: '' }));
    expect(await refused(['import', 'mine', 'x'])).toContain('give the key that the request was made with');
    await ok('import', 'mine', 'x', '--key', 'key.pem');
    const { stdout } = await gantry(['export', 'mine', '-']);
    expect(JSON.parse(stdout)).toMatchObject({ key: identity.keyPem });
  });

  it.each<[string, () => string]>([
    ['is not a context', () => 'nonsense'],
    ['is not a context', () => '{"hosts":[]}'],
    ['newer version', () => JSON.stringify({ gantryContext: 2 })],
    ['is not the one that the certificate is for', () => file({ keyPem: other.keyPem })],
    ['the private key cannot be read', () => file({ keyPem: 'x' })],
    ['not of that CA', () => file({ caPem: other.caPem })],
    ['cannot be read', () => file({ certPem: 'x' })],
    ['is not one for the use of a Gantry cluster', () => file({ certPem: identity.caPem })],
  ])('is refused when it %s, and nothing is kept of it', async (message, text) => {
    expect(await refused(['import', 'mine', '-'], text())).toContain(message);
  });

  it.each([
    [['create', 'default', '--gantry', 'host=unix:///x'], 'choose another name'],
    [['create', '../x', '--gantry', 'host=unix:///x'], 'invalid context name'],
    [['create', 'mine'], 'a context leads to one endpoint'],
    [['create', 'mine', '--gantry', 'host=tcp://h'], 'asks for a client certificate'],
    [['create', 'mine', '--gantry', 'host=tcp://h,ca=ca.pem,cert=cert.pem,key=gone.pem'], 'no such file'],
    [['update', 'mine', '--description', 'x'], 'does not exist'],
    [['use', 'mine'], 'does not exist'],
    [['rm', 'mine'], 'does not exist'],
    [['rm', 'default'], 'does not exist'],
    [['inspect', 'mine'], 'does not exist'],
  ])('%j is refused', async (argv, message) => {
    expect(await refused(argv)).toContain(message);
  });

  it('is overridden by the environment, which is said', async () => {
    await ok('create', 'prod', '--gantry', ENDPOINT);
    const env = { GANTRY_HOST: 'unix:///x' };
    for (const argv of [['use', 'prod'], ['ls']]) {
      expect((await gantry(argv, { env })).stderr).toContain('GANTRY_HOST in the environment overrides');
    }
    expect((await gantry(['show'], { env })).stdout).toBe('default\n');
  });

  it('that cannot be used is listed with why, and can be removed', async () => {
    await ok('create', 'prod', '--gantry', ENDPOINT);
    mkdirSync(join(directory, '.gantry/contexts'), { recursive: true });
    writeFileSync(join(directory, '.gantry/contexts/broken.json'), '{');
    const later = { nowMs: Date.now() + 3 * 3_600_000 };
    const { stdout } = await gantry(['ls', '--format', '{{.Name}}: {{.Error}}'], later);
    expect(stdout).toMatch(/^broken: .*is not a context's file/m);
    expect(stdout).toMatch(/^prod: the certificate expired 2 hours ago$/m);
    await ok('rm', 'broken');
  });
});
