/** Certificates that expired while a node, or all of the cluster, was off. */
import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newCertificateRequest } from '../../proto/certificate-request.ts';
import { unary } from '../../proto/client.ts';
import { NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import { TestAuthority } from '../../proto/identity.testing.ts';
import { identityDir, loadIdentity, saveIdentity, validity } from '../../proto/identity-files.ts';
import { newObjectId } from '../../proto/ids.ts';
import { proveOwnership } from '../../proto/renewal-proof.ts';
import { managerChannelCredentials, type NodeIdentity, ownPeer, type Peer } from '../../proto/tls.ts';
import { systemClock } from '../clock.ts';
import { LiveIdentity } from '../identity.ts';
import { joinedNode, listeningManager, type ManagerHost, type RunningManager } from '../manager.testing.ts';
import { RemoteNode } from '../remote-node.testing.ts';
import { theCluster } from '../store/the-cluster.ts';
import { signCertificate, verifyRequest } from './certificates.ts';
import { renewIfExpired } from './own-certificate.ts';

const DAY_MS = 24 * 3_600_000;

let host: ManagerHost;
let manager: RunningManager;

beforeEach(async () => {
  ({ host, manager } = await listeningManager());
});

afterEach(async () => {
  await manager.stop();
  await host.remove();
});

const joinedWorker = () => joinedNode(host, manager, NodeRole.WORKER);

/** What the cluster's CA gave out so many days ago, for 90 days. */
async function issuedDaysAgo(peer: Peer, days: number): Promise<NodeIdentity> {
  const { rootCa } = manager.store.view(theCluster);
  if (rootCa === undefined) throw new Error('the cluster has no CA');
  const { keyPem, requestPem } = await newCertificateRequest();
  const { publicKey } = await verifyRequest(requestPem);
  const certPem = await signCertificate(rootCa, publicKey, peer, Date.now() - days * DAY_MS);
  return { caPem: rootCa.certificate, certPem, keyPem };
}

async function renewed(node: RemoteNode, { certPem, keyPem, caPem }: NodeIdentity, signedWith = keyPem) {
  const fresh = await newCertificateRequest();
  const proof = proveOwnership(fresh.requestPem, signedWith);
  const request = { request: fresh.requestPem, expiredCertificate: certPem, proof };
  const answer = await node.issue(request, managerChannelCredentials({ certPem, keyPem, caPem }));
  return { caPem: answer.rootCertificate, certPem: answer.certificate, keyPem: fresh.keyPem };
}

describe('a worker that was off for 120 days', () => {
  it('has its certificate renewed, for which it needs nothing but its own key', async () => {
    const node = await joinedWorker();
    const peer = ownPeer(node.identity as NodeIdentity);
    const identity = await renewed(node, await issuedDaysAgo(peer, 120));
    expect(ownPeer(identity)).toEqual(peer);
    expect(validity(identity).untilMs).toBeGreaterThan(Date.now() + 80 * DAY_MS);
  });

  it('is refused with another’s key, after more than a year, and once it was removed', async () => {
    const node = await joinedWorker();
    const peer = ownPeer(node.identity as NodeIdentity);
    const expired = await issuedDaysAgo(peer, 120);
    const denied = (why: string) => ({
      code: 'PERMISSION_DENIED',
      message: `cannot renew an expired certificate: ${why}`,
    });
    const { keyPem } = await newCertificateRequest();
    await expect(renewed(node, expired, keyPem)).rejects.toMatchObject(
      denied('the request is not signed with its key'),
    );
    await expect(renewed(node, await issuedDaysAgo(peer, 90 + 366))).rejects.toMatchObject(
      denied('it expired more than a year ago'),
    );
    const foreign = await (await TestAuthority.create()).issue(peer, -1000);
    await expect(renewed(node, { ...foreign, caPem: expired.caPem })).rejects.toMatchObject(
      denied("it is not of the cluster's authority"),
    );
    await unary((done) => manager.client.nodeRemove({ reference: node.nodeId, force: true }, done));
    await expect(renewed(node, expired)).rejects.toMatchObject({ code: 'NOT_IN_CLUSTER' });
  });

  it('gets the role that the cluster gives it now, and can do nothing else with what has expired', async () => {
    const node = await joinedWorker();
    const was = { ...ownPeer(node.identity as NodeIdentity), role: 'manager' } as const;
    const expired = await issuedDaysAgo(was, 120);
    await expect(node.nodeList(managerChannelCredentials(expired))).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    expect(ownPeer(await renewed(node, expired)).role).toBe('worker');
  });
});

describe('a manager that was off for 120 days', () => {
  it('gives itself a certificate, which the others take', async () => {
    const dir = identityDir(host.dir);
    const peer = ownPeer(loadIdentity(dir) as NodeIdentity);
    const expired = await issuedDaysAgo(peer, 120);
    await saveIdentity(dir, expired);
    const logger = pino({ level: 'silent' });
    const identity = new LiveIdentity(dir, logger);
    const own = { store: manager.store, identity, nodeId: host.nodeId, clock: systemClock, logger };
    await renewIfExpired(own);
    const renewedOne = loadIdentity(dir) as NodeIdentity;
    expect(ownPeer(renewedOne)).toEqual(peer);
    expect(validity(renewedOne).untilMs).toBeGreaterThan(Date.now());
    expect((await new RemoteNode(host.port).nodeList(managerChannelCredentials(renewedOne))).nodes).toHaveLength(1);
    // What is valid stays.
    await renewIfExpired(own);
    expect(loadIdentity(dir)).toEqual(renewedOne);
    identity.close();
  });

  it('has none for a node that is no manager by what it knows', async () => {
    const dir = identityDir(host.dir);
    const expired = await issuedDaysAgo(ownPeer(loadIdentity(dir) as NodeIdentity), 120);
    await saveIdentity(dir, expired);
    const identity = new LiveIdentity(dir, pino({ level: 'silent' }));
    const nodeId = newObjectId(randomBytes);
    await renewIfExpired({
      store: manager.store,
      identity,
      nodeId,
      clock: systemClock,
      logger: pino({ level: 'silent' }),
    });
    expect(validity(loadIdentity(dir) as NodeIdentity)).toEqual(validity(expired));
    identity.close();
  });
});
