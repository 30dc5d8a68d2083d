/** Clients as an administrator makes, lists and revokes them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newCertificateRequest } from '../../../proto/certificate-request.ts';
import { GantryError } from '../../../proto/errors.ts';
import type { ClientCreateRequest, ClientRemoveRequest } from '../../../proto/generated/gantry/v1/control.ts';
import { ClientCertificate, ClientRole } from '../../../proto/generated/gantry/v1/types.ts';
import { unaryMethod } from '../../../proto/server.ts';
import { FakeDaemon, type Finished, runCli, type Surroundings } from '../../fake-daemon.testing.ts';

const NOW_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;

let directory: string;
let daemon: FakeDaemon;
let asked: ClientCreateRequest[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-clients-'));
  daemon = new FakeDaemon();
  asked = [];
});
afterEach(() => {
  daemon.stop();
  rmSync(directory, { recursive: true, force: true });
});

const clientCreate = unaryMethod(async (request: ClientCreateRequest) => {
  asked.push(request);
  const managers = ['10.0.0.1:2377', '10.0.0.2:2377'];
  return { client: undefined, certificate: 'CERT', rootCertificate: 'CA', managers };
});

function gantry(argv: readonly string[], surroundings: Surroundings = {}): Promise<Finished> {
  return runCli(daemon.host, ['client', ...argv], { cwd: directory, nowMs: NOW_MS, ...surroundings });
}

const written = (file: string) => JSON.parse(readFileSync(join(directory, file), 'utf8')) as Record<string, unknown>;

describe('client create', () => {
  it('writes a context with a key that the manager never sees', async () => {
    await daemon.start({ clientCreate });
    const { exitCode, stdout, stderr } = await gantry(['create', 'ci', '--role', 'admin', '--expiry', '720h']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(stderr).toContain('gantry context import ci ci.gantrycontext\n');
    expect(asked).toMatchObject([{ name: 'ci', role: ClientRole.ADMIN, lifeMs: 720 * HOUR_MS }]);
    const { key, ...rest } = written('ci.gantrycontext');
    expect(rest).toEqual({
      ...{ gantryContext: 1, name: 'ci', description: '', ca: 'CA', cert: 'CERT' },
      hosts: ['tcp://10.0.0.1:2377', 'tcp://10.0.0.2:2377'],
    });
    expect(key).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(asked[0]?.request).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----/);
    expect(JSON.stringify(asked)).not.toContain('PRIVATE');
    expect(statSync(join(directory, 'ci.gantrycontext')).mode & 0o777).toBe(0o600);
  });

  it('leaves the key where a request was made, and names managers as they are reached', async () => {
    await daemon.start({ clientCreate });
    const { requestPem } = await newCertificateRequest();
    writeFileSync(join(directory, 'me.csr'), requestPem);
    const flags = ['--request', 'me.csr', '--manager', 'm1.example.com', '--manager', 'm2.example.com:443', '-o', '-'];
    const { stdout } = await gantry(['create', 'me', '--role', 'viewer', ...flags]);
    expect(asked).toMatchObject([{ role: ClientRole.VIEWER, lifeMs: 0, request: requestPem }]);
    const hosts = ['tcp://m1.example.com', 'tcp://m2.example.com:443'];
    expect(JSON.parse(stdout)).toMatchObject({ key: '', hosts });
    expect(readdirSync(directory)).toEqual(['me.csr']);
  });

  it.each([
    [['create', 'ci'], 'required option'],
    [['create', 'ci', '--role', 'root'], 'invalid argument "root" for --role; use admin or viewer'],
    [['create', 'ci', '--role', 'admin', '-o', 'nowhere/ci'], 'nowhere'],
    [['create', 'ci', '--role', 'admin', '--request', 'none.csr'], 'no such file'],
    [['create', 'ci', '--role', 'admin', '--manager', 'a:b:c'], 'invalid address'],
  ])('%j lets nobody in', async (argv, message) => {
    await daemon.start({ clientCreate });
    const { exitCode, stderr } = await gantry(argv);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(message);
    expect(asked).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('writes no file when it is refused', async () => {
    const refuse = unaryMethod(async () => {
      throw new GantryError('ALREADY_EXISTS', 'client ci already exists', { hint: 'choose another name' });
    });
    await daemon.start({ clientCreate: refuse });
    const { exitCode, stderr } = await gantry(['create', 'ci', '--role', 'admin']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: 'gantry: client ci already exists; choose another name\n',
    });
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('client ls and rm', () => {
  it('list who is let in and until when, and revoke each by itself', async () => {
    const client = (name: string, role: ClientRole, hours: number) =>
      ClientCertificate.fromPartial({
        ...{ id: `40${name}`, name, role, expiresAtMs: NOW_MS + hours * HOUR_MS },
        meta: { createdAtMs: NOW_MS - 48 * HOUR_MS },
      });
    const clients = [client('eye', ClientRole.VIEWER, -3), client('ci', ClientRole.ADMIN, 72)];
    const clientRemove = unaryMethod(async ({ references }: ClientRemoveRequest) => {
      if (references[0] === 'nobody') throw new GantryError('NOT_FOUND', 'no such client: nobody');
      return {};
    });
    await daemon.start({ clientList: unaryMethod(async () => ({ clients })), clientRemove });
    expect((await gantry(['ls'])).stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['NAME', 'ROLE', 'CREATED', 'EXPIRES', 'SERIAL'],
      ['ci', 'admin', '2 days ago', 'in 3 days', '40ci'],
      ['eye', 'viewer', '2 days ago', 'expired 3 hours ago', '40eye'],
      [''],
    ]);
    const removed = await gantry(['rm', 'eye', 'nobody', 'ci']);
    expect(removed).toMatchObject({ exitCode: 1, stdout: 'eye\nci\n', stderr: 'gantry: no such client: nobody\n' });
  });
});
