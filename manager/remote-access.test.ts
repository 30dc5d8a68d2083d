/** What other nodes may do on a manager, and what they may not. */
import { randomBytes } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newCertificateRequest } from '../proto/certificate-request.ts';
import { unary } from '../proto/client.ts';
import { type ClusterInspectResponse, StackSpec } from '../proto/generated/gantry/v1/control.ts';
import { NodeAvailability, NodeRole, PublishMode } from '../proto/generated/gantry/v1/types.ts';
import { TestAuthority } from '../proto/identity.testing.ts';
import { newJoinToken } from '../proto/join-token.ts';
import { managerChannelCredentials, pinnedChannelCredentials, unverifiedChannelCredentials } from '../proto/tls.ts';
import { joinedNode, joinToken, listeningManager, type ManagerHost, type RunningManager } from './manager.testing.ts';
import { serviceSpec } from './objects.testing.ts';
import { RemoteNode } from './remote-node.testing.ts';

let host: ManagerHost;
let manager: RunningManager;

beforeEach(async () => {
  ({ host, manager } = await listeningManager());
});

afterEach(async () => {
  await manager.stop();
  await host.remove();
});

const token = (role: NodeRole, rotate = false) => joinToken(manager, role, rotate);
const joined = (role: NodeRole) => joinedNode(host, manager, role);

const denied = { code: 'PERMISSION_DENIED' };
const callerHeader = (value: string) => {
  const metadata = new Metadata();
  metadata.set('gantry-caller', value);
  return metadata;
};

describe('joining', () => {
  it('gives a certificate for the role that the token is for, and makes the node', async () => {
    for (const role of [NodeRole.WORKER, NodeRole.MANAGER]) {
      const node = new RemoteNode(host.port);
      const answer = await node.join(await token(role));
      const name = role === NodeRole.MANAGER ? 'manager' : 'worker';
      expect(node.peer).toEqual({ nodeId: node.nodeId, role: name, clusterId: answer.clusterId });
      expect(answer).toMatchObject({ role, managers: [{ nodeId: 'node1', address: '127.0.0.1:2377' }] });
      const object = manager.store.view((read) => read.get('node', node.nodeId));
      expect(object?.spec).toMatchObject({ role, availability: NodeAvailability.ACTIVE });
    }
  });

  it('answers again when the answer was lost, to the same key only', async () => {
    const node = new RemoteNode(host.port);
    const request = await newCertificateRequest();
    const worker = await token(NodeRole.WORKER);
    await node.join(worker, { request });
    await node.join(worker, { request });
    expect(node.peer?.nodeId).toBe(node.nodeId);
    await expect(node.join(worker)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await expect(node.join(await token(NodeRole.MANAGER), { request })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    });
  });

  it.each([
    ['the id of the manager', 'node1'],
    ['no id', '../../etc'],
  ])('is refused with %s', async (_name, nodeId) => {
    await expect(new RemoteNode(host.port).join(await token(NodeRole.WORKER), { nodeId })).rejects.toThrow();
  });

  it('is refused with a wrong token, a foreign one, a rotated one, and without one; none is repeated', async () => {
    const node = new RemoteNode(host.port);
    const worker = await token(NodeRole.WORKER);
    const foreign = newJoinToken((await TestAuthority.create()).caPem, randomBytes);
    const fresh = await token(NodeRole.WORKER, true);
    expect(fresh).not.toBe(worker);
    for (const wrong of [worker, worker.slice(0, -1), foreign]) {
      const refused = node.join(wrong);
      await expect(refused).rejects.toMatchObject(denied);
      await expect(refused).rejects.toThrow(expect.not.objectContaining({ message: expect.stringContaining(wrong) }));
    }
    await expect(node.join('')).rejects.toMatchObject(denied);
    expect(manager.store.view((read) => read.find('node', { by: 'all' }))).toHaveLength(1);
    await node.join(fresh);
    // The other role's token is as it was.
    await joined(NodeRole.MANAGER);
  });

  it('is refused with a request that is signed by nobody, or not at all', async () => {
    const node = new RemoteNode(host.port);
    const { requestPem } = await newCertificateRequest();
    const lines = requestPem.split('\n');
    const middle = Math.floor(lines.length / 2);
    lines[middle] = [...(lines[middle] ?? '')].reverse().join('');
    for (const request of ['', 'nonsense', lines.join('\n')]) {
      const asked = { request, token: await token(NodeRole.WORKER), nodeId: node.nodeId };
      await expect(node.issue(asked, unverifiedChannelCredentials())).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
  });
});

describe('a stranger', () => {
  it('without a certificate, or with one of another CA, gets nothing but the root certificate', async () => {
    const stranger = new RemoteNode(host.port);
    const { certificate: caPem } = await stranger.rootCertificate();
    const peer = { nodeId: 'node1', role: 'manager', clusterId: 'c1' } as const;
    const forged = { ...(await (await TestAuthority.create()).issue(peer)), caPem };
    const { clusterId } = await (await joined(NodeRole.WORKER)).renew();
    const credentials = [pinnedChannelCredentials(caPem), managerChannelCredentials(forged)] as const;
    expect(clusterId).not.toBe('c1');
    await expect(stranger.nodeList(credentials[0])).rejects.toMatchObject(denied);
    await expect(stranger.nodeList(credentials[0], callerHeader('administrator'))).rejects.toMatchObject(denied);
    await expect(stranger.session('node1', credentials[0]).next()).rejects.toMatchObject(denied);
    await expect(stranger.nodeList(credentials[1])).rejects.toThrow();
    await expect(stranger.session('node1', credentials[1]).next()).rejects.toThrow();
    const { requestPem } = await newCertificateRequest();
    await expect(stranger.issue({ request: requestPem, nodeId: 'node1' }, credentials[0])).rejects.toMatchObject(
      denied,
    );
  });
});

describe('a worker', () => {
  it('has a session in its own name, and none in another’s', async () => {
    const node = await joined(NodeRole.WORKER);
    const other = await joined(NodeRole.WORKER);
    const session = node.session();
    expect((await session.next()).value).toMatchObject({ $case: 'welcome', value: { node: { id: node.nodeId } } });
    await session.return();
    for (const name of [other.nodeId, 'node1']) {
      await expect(node.session(name).next()).rejects.toMatchObject(denied);
      const metadata = callerHeader(`worker ${name}`);
      await expect(node.session(name, node.credentials, metadata).next()).rejects.toMatchObject(denied);
    }
  });

  it('cannot read or write the desired state, whatever it says of itself', async () => {
    const node = await joined(NodeRole.WORKER);
    await expect(node.nodeList()).rejects.toMatchObject(denied);
    for (const claim of ['administrator', `manager ${node.nodeId}`, 'manager node1']) {
      await expect(node.nodeList(node.credentials, callerHeader(claim))).rejects.toMatchObject(denied);
    }
  });

  it('cannot answer a stream that was opened to another node', async () => {
    const [node, other] = [await joined(NodeRole.WORKER), await joined(NodeRole.WORKER)];
    const session = node.session();
    expect((await session.next()).value).toMatchObject({ $case: 'welcome' });
    // A deployment that publishes a port on the hosts asks the nodes first.
    const deployed = deployHostPort();
    let message = (await session.next()).value;
    while (message?.$case !== 'openStream') message = (await session.next()).value;
    await expect(other.tunnel(message.value.streamId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await session.return();
    await deployed;
  });

  it('gets a manager’s certificate when its role says so, and only then', async () => {
    const node = await joined(NodeRole.WORKER);
    expect(await node.renew()).toMatchObject({ nodeId: node.nodeId, role: 'worker' });
    expect(await node.renew(callerHeader('manager node1'))).toMatchObject({ nodeId: node.nodeId, role: 'worker' });
    await update(node.nodeId, { role: NodeRole.MANAGER });
    expect(await node.renew()).toMatchObject({ nodeId: node.nodeId, role: 'manager' });
    await update(node.nodeId, { role: NodeRole.WORKER });
    expect(await node.renew()).toMatchObject({ role: 'worker' });
  });

  it('that was removed is refused, and its id is never given again', async () => {
    const node = await joined(NodeRole.WORKER);
    const session = node.session();
    await session.next();
    await expect(remove(node.nodeId, false)).rejects.toMatchObject({ code: 'WRONG_STATE' });
    await remove(node.nodeId, true);
    // What runs ends, too.
    await vi.waitFor(async () => expect((await session.next()).done).toBe(true));
    await expect(node.session().next()).rejects.toMatchObject({ code: 'NODE_REMOVED' });
    await expect(node.renew()).rejects.toMatchObject({ code: 'NOT_IN_CLUSTER' });
    await expect(node.join(await token(NodeRole.WORKER))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });
});

describe('another manager', () => {
  it('may ask for everything, and passes calls on for whom it names', async () => {
    const node = await joined(NodeRole.MANAGER);
    const worker = await joined(NodeRole.WORKER);
    expect((await node.nodeList()).nodes).toHaveLength(3);
    expect((await node.nodeList(node.credentials, callerHeader('administrator'))).nodes).toHaveLength(3);
    const forWorker = callerHeader(`worker ${worker.nodeId}`);
    await expect(node.nodeList(node.credentials, forWorker)).rejects.toMatchObject(denied);
    const session = node.session(worker.nodeId, node.credentials, forWorker);
    expect((await session.next()).value).toMatchObject({ $case: 'welcome' });
    await session.return();
    expect(await node.renew(forWorker)).toMatchObject({ nodeId: worker.nodeId, role: 'worker' });
    // A call of somebody without a certificate isn't the manager's own when it passes it on.
    await expect(node.renew(callerHeader('nobody'))).rejects.toMatchObject(denied);
    await expect(node.renew(callerHeader('garbage'))).rejects.toMatchObject(denied);
  });
});

describe('the cluster', () => {
  it('shows neither its keys nor its tokens', async () => {
    const answer = await unary<ClusterInspectResponse>((done) => manager.client.clusterInspect({}, done));
    expect(answer.cluster?.rootCa?.certificate).toContain('BEGIN CERTIFICATE');
    expect(JSON.stringify(answer)).not.toMatch(/PRIVATE KEY|GNTKN/);
  });

  it('keeps its authority and its identity over a restart', async () => {
    const node = await joined(NodeRole.WORKER);
    const before = await token(NodeRole.WORKER);
    await manager.stop();
    manager = await host.start();
    await vi.waitFor(() => node.renew(), { timeout: 10_000 });
    expect(await token(NodeRole.WORKER)).toBe(before);
  });
});

describe('a session', () => {
  it('tells the node of its role and of the managers, and again when they change', async () => {
    const node = await joined(NodeRole.WORKER);
    const session = node.session();
    const next = async (kind: string) => {
      for (;;) {
        const { value } = await session.next();
        if (value === undefined || value.$case === kind) return value?.value;
      }
    };
    const managers = [{ nodeId: 'node1', address: '127.0.0.1:2377' }];
    expect(await next('membership')).toMatchObject({ node: { id: node.nodeId, spec: { role: 0 } }, managers });
    await update(node.nodeId, { role: NodeRole.MANAGER });
    expect(await next('membership')).toMatchObject({ node: { spec: { role: NodeRole.MANAGER } }, managers });
    const second = await joined(NodeRole.MANAGER);
    await manager.log.addMember(second.nodeId, '192.0.2.2:2377');
    expect(await next('membership')).toMatchObject({ managers: [...managers, { address: '192.0.2.2:2377' }] });
    await session.return();
  });

  it('tells that a manager has gone also when it came and went between two looks at them', async () => {
    const node = await joined(NodeRole.WORKER);
    const session = node.session();
    const next = async () => {
      for (;;) {
        const { value } = await session.next();
        if (value?.$case === 'membership') return value.value.managers.map((other) => other.nodeId);
      }
    };
    expect(await next()).toEqual(['node1']);
    manager.log.others.set('n2', { address: '192.0.2.2:2377', reachable: true });
    await update(node.nodeId, { role: NodeRole.MANAGER });
    expect(await next()).toEqual(['node1', 'n2']);
    manager.log.others.delete('n2');
    expect(await next()).toEqual(['node1']);
    await session.return();
  });

  it('that says that its node leaves makes it down at once', async () => {
    const node = await joined(NodeRole.WORKER);
    const session = node.session();
    await session.next();
    await session.next({ $case: 'leaving', value: {} });
    await vi.waitFor(() => {
      const object = manager.store.view((read) => read.get('node', node.nodeId));
      expect(object?.status.message).toBe('it has left the cluster');
    });
    await session.return();
    await remove(node.nodeId, false);
  });
});

describe('managers', () => {
  it('are demoted only while the others can decide, or by force; the last one never', async () => {
    await expect(update('node1', { role: NodeRole.WORKER, force: true })).rejects.toThrow(/last manager/);
    const node = await joined(NodeRole.MANAGER);
    manager.log.others.set(node.nodeId, { address: '192.0.2.2:2377', reachable: true });
    manager.log.others.set('gone', { address: '192.0.2.3:2377', reachable: false });
    await expect(update(node.nodeId, { role: NodeRole.WORKER })).rejects.toMatchObject({ code: 'WRONG_STATE' });
    await expect(remove(node.nodeId, false)).rejects.toMatchObject({ hint: expect.stringContaining('demote') });
    await update(node.nodeId, { role: NodeRole.WORKER, force: true });
    expect([...manager.log.others.keys()]).not.toContain(node.nodeId);
  });

  it('that are no managers any more, or no nodes, leave the log', async () => {
    manager.log.others.set('stranger', { address: '192.0.2.3:2377', reachable: true });
    await vi.waitFor(() => expect(manager.log.others.size).toBe(0), { timeout: 5000 });
  });
});

function deployHostPort() {
  const port = { targetPort: 80, publishedPort: 8080, mode: PublishMode.HOST };
  const stack = StackSpec.fromPartial({ name: 's', services: [serviceSpec('s_web', { ports: [port] })] });
  return unary((done) => manager.client.stackDeploy({ stack, prune: false, dryRun: false }, done));
}

interface Changes {
  readonly role?: NodeRole;
  readonly force?: boolean;
}

function update(reference: string, { role, force = false }: Changes) {
  const request = { reference, role, labelsAdd: {}, labelsRemove: [], force };
  return unary((done) => manager.client.nodeUpdate(request, done));
}

function remove(reference: string, force: boolean) {
  return unary((done) => manager.client.nodeRemove({ reference, force }, done));
}
