/** Hosts whose clocks differ. Those of the managers are put forward and back here; TLS goes by this machine's. */
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { requestAdmission } from '../../agent/cluster/admission.ts';
import { renewedIdentity } from '../../agent/cluster/renewal.ts';
import { explainTlsFailure } from '../../agent/cluster/tls-failure.ts';
import { type Clock, systemClock } from '../../manager/clock.ts';
import { joinToken, listeningManager, type ManagerHost, type RunningManager } from '../../manager/manager.testing.ts';
import { RemoteNode } from '../../manager/remote-node.testing.ts';
import { toGantryError } from '../../proto/errors.ts';
import { NodeAvailability, NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import { newObjectId } from '../../proto/ids.ts';
import { managerChannelCredentials, ownPeer } from '../../proto/tls.ts';

const HOUR_MS = 3_600_000;

let host: ManagerHost;
let manager: RunningManager;

afterEach(async () => {
  await manager.stop();
  await host.remove();
});

/** A manager whose clock is so far ahead of this machine's. */
async function start(aheadMs: number): Promise<void> {
  const clock: Clock = { ...systemClock, now: () => Date.now() + aheadMs };
  ({ host, manager } = await listeningManager({ clock }));
}

const address = () => ({ kind: 'tcp', host: '127.0.0.1', port: host.port }) as const;

async function join(nowMs = Date.now()) {
  const nodeId = newObjectId(randomBytes);
  const token = await joinToken(manager, NodeRole.WORKER);
  const request = { token, manager: address(), nodeId, availability: NodeAvailability.ACTIVE, address: '127.0.0.1' };
  return requestAdmission(request, nowMs);
}

const nodes = () => manager.store.view((read) => read.find('node', { by: 'all' })).length;

describe('a node whose clock is off by an hour', () => {
  it.each([
    ['behind', HOUR_MS],
    ['ahead', -HOUR_MS],
  ])('%s joins, has a session, and renews its certificate', async (_name, aheadMs) => {
    await start(aheadMs);
    const { identity } = await join();
    const node = new RemoteNode(host.port);
    node.identity = identity;
    const { nodeId } = ownPeer(identity);
    const session = node.session(nodeId);
    expect((await session.next()).value).toMatchObject({ $case: 'welcome' });
    await session.return();
    const endpoint = { address: address(), credentials: managerChannelCredentials(identity) };
    expect(ownPeer(await renewedIdentity(identity, [endpoint], Date.now()))).toEqual(ownPeer(identity));
  });
});

describe('a node whose clock is off by more than certificates bear', () => {
  it.each([
    ['behind', 3 * HOUR_MS, "cannot join: this host's clock is 3 hours behind that of 127.0.0.1:"],
    ['ahead', -3 * HOUR_MS, "cannot join: this host's clock is 3 hours ahead of that of 127.0.0.1:"],
  ])('%s does not join, and is told by how much', async (_name, aheadMs, message) => {
    await start(aheadMs);
    await expect(join()).rejects.toMatchObject({
      code: 'WRONG_STATE',
      message: expect.stringContaining(message),
      hint: expect.stringContaining('set the one that is wrong'),
    });
    expect(nodes()).toBe(1);
  });

  it('and is in the cluster already is told so where it cannot connect', async () => {
    await start(3 * HOUR_MS);
    const node = new RemoteNode(host.port);
    const { certificate } = await node.rootCertificate();
    // Its certificate isn't looked at before the manager's.
    const { TestAuthority } = await import('../../proto/identity.testing.ts');
    const peer = { nodeId: 'n1', role: 'worker', clusterId: 'c1' } as const;
    const identity = { ...(await (await TestAuthority.create()).issue(peer)), caPem: certificate };
    const failure = await node.session('n1', managerChannelCredentials(identity)).next().catch(toGantryError);
    const explained = await explainTlsFailure(toGantryError(failure), address(), Date.now());
    expect(explained.message).toMatch(
      /is not valid yet here, where it is .*; this host's clock is 3 hours behind that of 127/,
    );
    expect(explained.hint).toContain('compare the clocks');
  });

  it('keeps the certificate that it has when it is given one that is not valid there', async () => {
    await start(0);
    const { identity } = await join();
    const endpoint = { address: address(), credentials: managerChannelCredentials(identity) };
    await expect(renewedIdentity(identity, [endpoint], Date.now() - 3 * HOUR_MS)).rejects.toMatchObject({
      code: 'WRONG_STATE',
      message: expect.stringContaining('the new certificate is valid from'),
    });
  });
});
