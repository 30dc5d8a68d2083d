/** Managers as the CLI meets them from afar: which it takes, and what it says of those that it doesn't. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '../proto/errors.ts';
import { freePort } from '../proto/free-port.testing.ts';
import { TestAuthority } from '../proto/identity.testing.ts';
import { unaryMethod } from '../proto/server.ts';
import type { NodeIdentity, PeerRole } from '../proto/tls.ts';
import { formatContext } from './context/context.ts';
import { FakeDaemon, type Finished, runCli } from './fake-daemon.testing.ts';

let directory: string;
let authority: TestAuthority;
const daemons: FakeDaemon[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-afar-'));
  authority = await TestAuthority.create();
});
afterEach(() => {
  for (const daemon of daemons.splice(0)) daemon.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** A server that lists one secret, named like itself. */
async function manager(name: string, options: { role?: PeerRole; by?: TestAuthority; clusterId?: string } = {}) {
  const { role = 'manager', by = authority, clusterId = 'c1' } = options;
  return await serve({ secretList: secretsNamed(name) }, await by.issue({ nodeId: name, role, clusterId }));
}

const secretsNamed = (name: string) =>
  unaryMethod(async () => ({ secrets: [{ id: name, meta: undefined, spec: undefined, pendingDelete: false }] }));

async function serve(methods: UntypedServiceImplementation, identity: NodeIdentity): Promise<string> {
  const daemon = new FakeDaemon();
  daemons.push(daemon);
  return await daemon.startRemote(methods, identity);
}

async function secretLs(hosts: readonly string[], identity?: NodeIdentity, nowMs = Date.now()): Promise<Finished> {
  return await gantry(['secret', 'ls', '-q'], hosts, identity, nowMs);
}

async function gantry(
  argv: readonly string[],
  hosts: readonly string[],
  identity?: NodeIdentity,
  nowMs = Date.now(),
): Promise<Finished> {
  const shown = identity ?? (await authority.issueClient('ci', 'c1'));
  const env = { HOME: directory };
  const text = formatContext({ name: 'prod', description: '', hosts, identity: shown });
  await runCli(undefined, ['context', 'rm', 'prod'], { env });
  await runCli(undefined, ['context', 'import', 'prod', '-'], { env, input: Buffer.from(text) });
  return await runCli(undefined, ['--context', 'prod', ...argv], { env, nowMs });
}

const nobody = async () => `tcp://127.0.0.1:${await freePort()}`;

describe('the CLI from afar', () => {
  it('asks the first manager that answers, and says which did not', async () => {
    const [gone, second, third] = [await nobody(), await manager('second'), await manager('third')];
    expect(await secretLs([second, third])).toEqual(expect.objectContaining({ stdout: 'second\n', stderr: '' }));
    const { stdout, stderr } = await secretLs([gone, second, third]);
    expect(stdout).toBe('second\n');
    expect(stderr).toBe(`gantry: warning: ${gone}: no manager answers (ECONNREFUSED); trying ${second}\n`);
    const none = await secretLs([gone]);
    expect(none).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`gantry: ${gone}: no manager answers`) });
  });

  it('believes only managers of its cluster', async () => {
    const foreign = await TestAuthority.create();
    const another = await manager('another', { by: foreign });
    const unknown = await secretLs([another]);
    expect(unknown.stderr).toMatch(/not of the authority that the context knows.*rotated; get another with/s);
    for (const host of [await manager('worker', { role: 'worker' }), await manager('other', { clusterId: 'c2' })]) {
      expect((await secretLs([host])).stderr).toContain('what answers there is no manager of this cluster');
    }
    expect((await secretLs([another, await manager('own')])).stdout).toBe('own\n');
  });

  it('says of its own certificate that it has expired, or soon will', async () => {
    const host = await manager('own');
    const identity = await authority.issueClient('ci', 'c1', 3_600_000);
    const expired = await secretLs([host], identity, Date.now() + 2 * 3_600_000);
    expect(expired).toMatchObject({ exitCode: 1, stdout: '' });
    expect(expired.stderr).toMatch(/the certificate of client ci expired About an hour ago; get another with "gantry/);
    const soon = await secretLs([host], identity, Date.now() + 3_000_000);
    expect(soon).toMatchObject({ exitCode: 0, stdout: 'own\n' });
    expect(soon.stderr).toMatch(/^gantry: warning: the certificate of client ci expires in 10 minutes|9 minutes;/);
  });

  it('takes certificates from files, and none for granted', async () => {
    const host = await manager('own');
    const { caPem, certPem, keyPem } = await authority.issueClient('ci', 'c1');
    for (const [name, text] of [
      ['ca', caPem],
      ['cert', certPem],
      ['key', keyPem],
    ] as const) {
      writeFileSync(join(directory, `${name}.pem`), text);
    }
    const argv = ['secret', 'ls', '-q'];
    const surroundings = { cwd: directory, nowMs: Date.now() };
    const env = { GANTRY_CERT_PATH: directory, GANTRY_HOST: host };
    expect((await runCli(undefined, argv, { ...surroundings, env })).stdout).toBe('own\n');
    const flags = ['--tlscacert', 'ca.pem', '--tlscert', 'cert.pem', '--tlskey', 'key.pem'];
    expect((await runCli(host, [...flags, ...argv], surroundings)).stdout).toBe('own\n');
    const without = await runCli(host, argv, surroundings);
    expect(without).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('asks for a client certificate') });
  });

  it('shows what a manager refuses as it is, and tries no other', async () => {
    const secretList = unaryMethod(async () => {
      throw new GantryError('PERMISSION_DENIED', 'refused: the certificate of client ci has been revoked');
    });
    const peer = { nodeId: 'm', role: 'manager', clusterId: 'c1' } as const;
    const refusing = await serve({ secretList }, await authority.issue(peer));
    const { stdout, stderr } = await secretLs([refusing, await manager('second')]);
    expect([stdout, stderr]).toEqual(['', 'gantry: refused: the certificate of client ci has been revoked\n']);
  });
});
