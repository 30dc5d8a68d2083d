/** Who is let in nowhere: what each is told, and that the manager's log says who it was, from where, and why. */
import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { Metadata } from '@grpc/grpc-js';
import pino from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { newCertificateRequest } from '../proto/certificate-request.ts';
import { unary } from '../proto/client.ts';
import { NodeRole } from '../proto/generated/gantry/v1/types.ts';
import { TestAuthority } from '../proto/identity.testing.ts';
import { identityDir, saveTrust } from '../proto/identity-files.ts';
import { newJoinToken } from '../proto/join-token.ts';
import {
  managerChannelCredentials,
  type NodeIdentity,
  ownPeer,
  type Peer,
  pinnedChannelCredentials,
} from '../proto/tls.ts';
import { signCertificate, verifyRequest } from './ca/certificates.ts';
import { beginRotation, caStatus, managerFollows, rootsToTrust } from './ca-rotation.testing.ts';
import { joinedNode, joinToken, listeningManager, type ManagerHost, type RunningManager } from './manager.testing.ts';
import { RemoteNode } from './remote-node.testing.ts';
import { theCluster } from './store/the-cluster.ts';

const DAY_MS = 24 * 3_600_000;
const CONTROL = '/gantry.v1.Control/NodeList';
const SESSION = '/gantry.v1.Dispatcher/Session';
const ISSUE = '/gantry.v1.Ca/IssueCertificate';

let host: ManagerHost;
let manager: RunningManager;
let lines: string[];
let stranger: RemoteNode;
let worker: RemoteNode;

beforeEach(async () => {
  lines = [];
  const sink = new Writable({
    write: (line: Buffer, _encoding, done) => {
      lines.push(line.toString());
      done();
    },
  });
  ({ host, manager } = await listeningManager({ logger: pino({ level: 'warn' }, sink) }));
  stranger = new RemoteNode(host.port);
  worker = await joinedNode(host, manager, NodeRole.WORKER);
  lines.length = 0;
});
afterEach(async () => {
  await manager.stop();
  await host.remove();
});

interface Refusal {
  readonly code?: string;
  readonly method: string;
  /** Of the certificate. */
  readonly problem?: string;
  readonly reason?: string;
}

/** It is refused, and one line of the log tells it. */
async function expectRefused(attempt: Promise<unknown>, refusal: Refusal): Promise<void> {
  const { code = 'PERMISSION_DENIED', method, problem, reason } = refusal;
  await expect(attempt).rejects.toMatchObject({ code });
  const refused = await vi.waitFor(() => {
    const found = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'call refused');
    expect(found).toHaveLength(1);
    return found[0];
  });
  expect(refused).toMatchObject({ level: 40, method, from: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
  if (problem !== undefined) expect(refused.problem).toContain(problem);
  if (reason !== undefined) expect(refused.reason).toContain(reason);
}

const caPem = async () => (await stranger.rootCertificate()).certificate;
const workerPeer = () => ownPeer(worker.identity as NodeIdentity);

/** Of the cluster's own authority, at another time. */
async function issuedAt(peer: Peer, timeMs: number): Promise<NodeIdentity> {
  const { rootCa } = manager.store.view(theCluster);
  if (rootCa === undefined) throw new Error('the cluster has no authority');
  const { keyPem, requestPem } = await newCertificateRequest();
  const { publicKey } = await verifyRequest(requestPem);
  return { caPem: rootCa.certificate, certPem: await signCertificate(rootCa, publicKey, peer, timeMs), keyPem };
}

async function foreign(peer: Peer): Promise<NodeIdentity> {
  return { ...(await (await TestAuthority.create()).issue(peer)), caPem: await caPem() };
}

it('nobody without a certificate', async () => {
  const attempt = stranger.nodeList(pinnedChannelCredentials(await caPem()));
  await expectRefused(attempt, { method: CONTROL, problem: 'it shows no certificate' });
});

it('nobody without a certificate who says that a manager sends it', async () => {
  const metadata = new Metadata();
  metadata.set('gantry-caller', 'administrator');
  const attempt = stranger.nodeList(pinnedChannelCredentials(await caPem()), metadata);
  await expectRefused(attempt, { method: CONTROL, problem: 'it shows no certificate' });
});

it('nobody with a certificate of a foreign authority', async () => {
  const identity = await foreign({ nodeId: 'node1', role: 'manager', clusterId: 'another' });
  const attempt = stranger.nodeList(managerChannelCredentials({ ...identity, caPem: await caPem() }));
  // The client itself wants a manager of the cluster that its certificate names.
  await expect(attempt).rejects.toThrow();
  const forged = managerChannelCredentials(await foreign({ ...workerPeer(), role: 'manager' }));
  const problem = `the certificate of node ${worker.nodeId} is not of this cluster's present authority`;
  await expectRefused(stranger.nodeList(forged), { method: CONTROL, problem });
});

it('no worker that asks for what another node is to have: its tasks and secrets', async () => {
  const other = await joinedNode(host, manager, NodeRole.WORKER);
  const reason = `the caller is not node ${other.nodeId}`;
  await expectRefused(worker.session(other.nodeId).next(), { method: SESSION, reason });
});

it('no worker that calls the Control service', async () => {
  await expectRefused(worker.nodeList(), { method: CONTROL, reason: `node ${worker.nodeId} is not a manager` });
});

it('nobody with a join token that was rotated, or with one of another cluster', async () => {
  const rotated = await joinToken(manager, NodeRole.WORKER);
  await joinToken(manager, NodeRole.WORKER, true);
  const refusal = { method: ISSUE, reason: 'the join token is not valid', problem: 'it shows no certificate' };
  await expectRefused(stranger.join(rotated), refusal);
  lines.length = 0;
  const other = newJoinToken((await TestAuthority.create()).caPem, randomBytes);
  await expectRefused(stranger.join(other), refusal);
  expect(lines.join('')).not.toContain(rotated);
});

it('nobody who joins under the id of another node', async () => {
  const attempt = stranger.join(await joinToken(manager, NodeRole.WORKER), { nodeId: worker.nodeId });
  await expectRefused(attempt, { code: 'ALREADY_EXISTS', method: ISSUE, reason: worker.nodeId });
});

it('nobody with an expired certificate, other than to renew it with its key', async () => {
  const expired = await issuedAt(workerPeer(), Date.now() - 91 * DAY_MS);
  const problem = `the certificate of node ${worker.nodeId} ended on`;
  await expectRefused(worker.session(worker.nodeId, managerChannelCredentials(expired)).next(), {
    method: SESSION,
    problem,
  });
  lines.length = 0;
  const { requestPem } = await newCertificateRequest();
  const request = { request: requestPem, expiredCertificate: expired.certPem, proof: Buffer.alloc(64) };
  const attempt = worker.issue(request, managerChannelCredentials(expired));
  await expectRefused(attempt, { method: ISSUE, reason: 'the request is not signed with its key' });
});

it('nobody whose certificate is not valid yet; it is told the time', async () => {
  const early = await issuedAt(workerPeer(), Date.now() + DAY_MS);
  const attempt = worker.session(worker.nodeId, managerChannelCredentials(early)).next();
  await expect(attempt).rejects.toMatchObject({ hint: expect.stringContaining('compare the clocks') });
  await expectRefused(attempt, { method: SESSION, problem: 'is valid only from' });
});

it('no node that was removed', async () => {
  await unary((done) => manager.client.nodeRemove({ reference: worker.nodeId, force: true }, done));
  await expectRefused(worker.session().next(), { code: 'NODE_REMOVED', method: SESSION, reason: 'was removed' });
});

it('no node with a certificate of the authority that was there before a rotation', async () => {
  const before = worker.identity as NodeIdentity;
  const { desiredDigest } = await beginRotation(manager);
  // As long as it is under way, it is as good as any.
  expect((await worker.renew()).nodeId).toBe(worker.nodeId);
  await worker.follow(rootsToTrust(manager));
  await worker.describe();
  await managerFollows(host, manager);
  await vi.waitFor(async () => expect(await caStatus(manager)).toMatchObject({ rotating: false, desiredDigest }));
  await saveTrust(identityDir(host.dir), rootsToTrust(manager));
  const attempt = () => worker.session(worker.nodeId, managerChannelCredentials(before)).next();
  const problem = `the certificate of node ${worker.nodeId} is not of this cluster's present authority`;
  await vi.waitFor(() => expect(attempt()).rejects.toMatchObject({ hint: expect.stringContaining('join again') }));
  lines.length = 0;
  await expectRefused(attempt(), { method: SESSION, problem });
  lines.length = 0;
  const { requestPem } = await newCertificateRequest();
  await expectRefused(worker.issue({ request: requestPem }, managerChannelCredentials(before)), {
    method: ISSUE,
    problem,
  });
});
