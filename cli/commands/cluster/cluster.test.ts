import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '../../../proto/errors.ts';
import type { ClusterRestoreRequest } from '../../../proto/generated/gantry/v1/node.ts';
import { PlacementStrategy } from '../../../proto/generated/gantry/v1/types.ts';
import { clientStreamMethod, serverStreamMethod, unaryMethod } from '../../../proto/server.ts';
import { FakeDaemon, runCli } from '../../fake-daemon.testing.ts';

const KEY = `GNTKEY-1-${'k'.repeat(43)}`;

let daemon: FakeDaemon;
let directory: string;
let requests: unknown[];

beforeEach(() => {
  daemon = new FakeDaemon();
  directory = mkdtempSync(join(tmpdir(), 'gantry-cli-cluster-'));
  requests = [];
});
afterEach(() => {
  daemon.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Notes the request, and answers. */
function answering(response: object) {
  return unaryMethod(async (request: unknown) => {
    requests.push(request);
    return response;
  });
}

async function gantry(methods: UntypedServiceImplementation, argv: string[], input = '') {
  await daemon.start(methods);
  return runCli(daemon.host, argv, { cwd: directory, input: Buffer.from(input) });
}

describe('cluster update', () => {
  it.each([
    [['--autolock'], { autolock: true }],
    [['--autolock=true'], { autolock: true }],
    [['--strategy', 'binpack'], { strategy: PlacementStrategy.BINPACK }],
    [['--strategy', 'spread'], { strategy: PlacementStrategy.SPREAD }],
    [['--autolock=false', '--task-history-limit', '3'], { autolock: false, taskHistoryLimit: 3 }],
    [['--cert-expiry', '48h'], { nodeCertExpiryMs: 172_800_000 }],
  ])('%j', async (options, request) => {
    const { exitCode, stdout } = await gantry({ clusterUpdate: answering({ unlockKey: '' }) }, [
      'swarm',
      'update',
      ...options,
    ]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'Cluster updated.\n' });
    expect(requests).toMatchObject([request]);
  });

  it('shows the key that autolock comes with', async () => {
    const { stdout } = await gantry({ clusterUpdate: answering({ unlockKey: KEY }) }, [
      'cluster',
      'update',
      '--autolock',
    ]);
    expect(stdout).toContain(`\n    ${KEY}\n`);
  });

  it('wants something to update, and a value that says something', async () => {
    expect(await gantry({}, ['cluster', 'update'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('nothing to update'),
    });
    expect(await runCli(daemon.host, ['cluster', 'update', '--autolock=maybe'])).toMatchObject({ exitCode: 125 });
  });
});

describe('cluster unlock-key', () => {
  it('prints the key alone with -q', async () => {
    const { stdout } = await gantry({ clusterUnlockKey: answering({ unlockKey: KEY }) }, [
      'cluster',
      'unlock-key',
      '-q',
    ]);
    expect(stdout).toBe(`${KEY}\n`);
    expect(requests).toEqual([{ rotate: false }]);
  });

  it('rotates it', async () => {
    const { stdout } = await gantry({ clusterUnlockKey: answering({ unlockKey: KEY }) }, [
      'cluster',
      'unlock-key',
      '--rotate',
    ]);
    expect(stdout).toMatch(/^Successfully rotated manager unlock key\.\n[\s\S]*GNTKEY-1-k/);
    expect(requests).toEqual([{ rotate: true }]);
  });

  it('says so where there is none', async () => {
    const { exitCode, stderr } = await gantry({ clusterUnlockKey: answering({ unlockKey: '' }) }, [
      'cluster',
      'unlock-key',
    ]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('no unlock key is set');
  });
});

describe('cluster unlock', () => {
  const locked = { health: answering({ locked: true, leaderNodeId: '', problem: '' }) };

  it('takes the key from standard input', async () => {
    const { exitCode } = await gantry({ ...locked, unlock: answering({}) }, ['cluster', 'unlock'], `${KEY}\n`);
    expect(exitCode).toBe(0);
    expect(requests.at(-1)).toEqual({ unlockKey: KEY });
  });

  it('says when nothing was given, and when there is nothing to unlock', async () => {
    expect(await gantry(locked, ['cluster', 'unlock'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('nothing was given'),
    });
    daemon.stop();
    daemon = new FakeDaemon();
    const open = { health: answering({ locked: false, leaderNodeId: 'n1', problem: '' }) };
    expect(await gantry(open, ['cluster', 'unlock'], KEY)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('is not locked'),
    });
  });
});

describe('cluster backup', () => {
  const parts = ['first ', 'second ', 'third'];
  const backup = serverStreamMethod(async function* () {
    for (const part of parts) yield { data: Buffer.from(part) };
  });
  const broken = serverStreamMethod(async function* () {
    yield { data: Buffer.from('first') };
    throw new GantryError('UNAVAILABLE', 'the leader went away');
  });

  it("writes a file that is nobody else's", async () => {
    const { exitCode } = await gantry({ clusterBackup: backup }, ['cluster', 'backup', 'b.gantry']);
    expect(exitCode).toBe(0);
    expect(readFileSync(join(directory, 'b.gantry'), 'utf8')).toBe('first second third');
    expect(statSync(join(directory, 'b.gantry')).mode & 0o777).toBe(0o600);
  });

  it('writes to standard output', async () => {
    expect((await gantry({ clusterBackup: backup }, ['cluster', 'backup', '-'])).stdout).toBe('first second third');
  });

  it('leaves what there was when it breaks off', async () => {
    writeFileSync(join(directory, 'b.gantry'), 'of yesterday');
    const { exitCode, stderr } = await gantry({ clusterBackup: broken }, ['cluster', 'backup', 'b.gantry']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('the leader went away');
    expect(readdirSync(directory)).toEqual(['b.gantry']);
    expect(readFileSync(join(directory, 'b.gantry'), 'utf8')).toBe('of yesterday');
  });
});

describe('cluster restore', () => {
  const restored = clientStreamMethod(async (parts: AsyncIterable<ClusterRestoreRequest>) => {
    for await (const { message } of parts) requests.push(message?.value);
    return { nodeId: 'n1', clusterId: 'c1' };
  });
  const plain = '{"gantryBackup":1,"sealed":null} 00\nstate';
  const sealed = '{"gantryBackup":1,"sealed":{"salt":"AA=="}} 00\nstate';

  it('sends the file', async () => {
    writeFileSync(join(directory, 'b.gantry'), plain);
    const { stdout } = await gantry({ clusterRestore: restored }, ['cluster', 'restore', 'b.gantry', '--force']);
    expect(stdout).toBe('Cluster restored: this node (n1) is its only manager.\n');
    expect(requests).toEqual([{ force: true, unlockKey: '', advertiseAddr: '' }, Buffer.from(plain)]);
  });

  it('asks for the key of a sealed one', async () => {
    writeFileSync(join(directory, 'b.gantry'), sealed);
    await gantry({ clusterRestore: restored }, ['cluster', 'restore', 'b.gantry'], `${KEY}\n`);
    expect(requests[0]).toMatchObject({ force: false, unlockKey: KEY });
  });

  it('takes the key of a sealed one that is piped in from a file', async () => {
    writeFileSync(join(directory, 'key'), `${KEY}\n`);
    const refused = await gantry({ clusterRestore: restored }, ['cluster', 'restore', '-'], sealed);
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('--unlock-key-file') });
    await runCli(daemon.host, ['cluster', 'restore', '-', '--unlock-key-file', 'key'], {
      cwd: directory,
      input: Buffer.from(sealed),
    });
    expect(requests[0]).toMatchObject({ unlockKey: KEY });
  });
});

describe('cluster recover', () => {
  const health = (autolock: boolean) =>
    unaryMethod(async () => ({ locked: false, leaderNodeId: '', problem: 'lost', autolock }));

  it('asks for the unlock key only where there is one', async () => {
    const { stdout } = await gantry({ health: health(false), clusterRecover: answering({}) }, ['cluster', 'recover']);
    expect(stdout).toContain('this node is its only manager');
    expect(requests).toEqual([{ force: false, unlockKey: '' }]);
  });

  it('sends the key of a cluster with autolock', async () => {
    const methods = { health: health(true), clusterRecover: answering({}) };
    expect((await gantry(methods, ['cluster', 'recover', '-f'], `${KEY}\n`)).exitCode).toBe(0);
    expect(requests).toEqual([{ force: true, unlockKey: KEY }]);
  });
});

describe('cluster ca', () => {
  const ROOT = '-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n';
  const status = (rotatedCertificates: number, rotatedRoots: number, waiting: object[] = []) => ({
    ...{ certificate: ROOT, desiredDigest: 'sha256:new', nodes: 2, waiting },
    ...{ rotating: rotatedCertificates < 2, rotatedCertificates, rotatedRoots },
  });
  /** One after the other; the last one from then on. */
  const steps = (...answers: object[]) => unaryMethod(async () => (answers.length > 1 ? answers.shift() : answers[0]));

  it('prints the root certificate', async () => {
    const { exitCode, stdout, stderr } = await gantry({ clusterCa: steps(status(2, 2)) }, ['swarm', 'ca']);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: ROOT, stderr: '' });
  });

  it('shows how far a rotation is, whom it waits for, and the new root', async () => {
    const waiting = [{ nodeId: 'b', name: 'host-b', reason: 'it is down' }];
    const clusterCa = steps(status(0, 0, waiting), status(1, 0, waiting), status(2, 1), status(2, 2));
    const clusterCaRotate = answering({ desiredDigest: 'sha256:new' });
    const { exitCode, stdout } = await gantry({ clusterCa, clusterCaRotate }, ['cluster', 'ca', '--rotate']);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'desired root digest: sha256:new',
      'rotated TLS certificates: 0/2 nodes',
      'rotated CA certificates: 0/2 nodes',
      'waiting for: host-b (it is down), 1 more',
      'rotated TLS certificates: 1/2 nodes',
      'waiting for: host-b (it is down)',
      'rotated TLS certificates: 2/2 nodes',
      'rotated CA certificates: 1/2 nodes',
      'rotated CA certificates: 2/2 nodes',
      ...ROOT.split('\n'),
    ]);
    expect(requests).toEqual([{ certificate: '', key: '' }]);
  });

  it('takes a root and its key from files, and returns at once with --detach, silently with --quiet', async () => {
    writeFileSync(join(directory, 'ca.crt'), 'CERT');
    writeFileSync(join(directory, 'ca.key'), 'KEY');
    const clusterCaRotate = answering({ desiredDigest: 'sha256:new' });
    await daemon.start({ clusterCa: steps(status(2, 2)), clusterCaRotate });
    const files = ['--ca-cert', 'ca.crt', '--ca-key', 'ca.key', '--cert-expiry', '24h'];
    for (const flag of ['--detach', '--quiet']) {
      const finished = await runCli(daemon.host, ['cluster', 'ca', '--rotate', flag, ...files], { cwd: directory });
      expect(finished).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
    }
    const request = { certificate: 'CERT', key: 'KEY', nodeCertExpiryMs: 86_400_000 };
    expect(requests).toEqual([request, request]);
  });

  it.each([
    [['--ca-cert', 'x'], '--ca-cert is only for --rotate'],
    [['--cert-expiry', '24h'], 'cluster update --cert-expiry'],
    [['--rotate', '--ca-key', 'x'], '--ca-cert and --ca-key go together'],
    [['--rotate', '--ca-cert', 'no-such', '--ca-key', 'x'], 'no such file'],
    [['--rotate', '--external-ca', 'x'], 'give it yours with --ca-cert'],
  ])('%j is refused: %s', async (options, message) => {
    const { exitCode, stderr } = await gantry({}, ['cluster', 'ca', ...options]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(message);
  });
});
