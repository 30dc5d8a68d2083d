/** What somebody with a client's certificate may do on a manager's port, and what not. */
import { type ChannelCredentials, Client, Metadata, type ServiceDefinition } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newCertificateRequest } from '../../proto/certificate-request.ts';
import { connectClient, responses, unary } from '../../proto/client.ts';
import { clientChannelCredentials, ownClient } from '../../proto/client-certificate.ts';
import {
  type ClientCreateResponse,
  ControlClient,
  ControlService,
  type NodeListResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import { DispatcherService } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { EngineService } from '../../proto/generated/gantry/v1/engine.ts';
import { NodeAgentService } from '../../proto/generated/gantry/v1/node.ts';
import { ClientRole, NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import type { NodeIdentity } from '../../proto/tls.ts';
import { joinedNode, joinToken, listeningManager, type ManagerHost, type RunningManager } from '../manager.testing.ts';
import { RemoteNode } from '../remote-node.testing.ts';
import { CONTROL_PERMISSIONS, ENGINE_PERMISSIONS, NODE_AGENT_PERMISSIONS, type Permission } from './permissions.ts';

let host: ManagerHost;
let manager: RunningManager;
const open: { close(): void }[] = [];

beforeEach(async () => {
  ({ host, manager } = await listeningManager());
});

afterEach(async () => {
  for (const client of open.splice(0)) client.close();
  await manager.stop();
  await host.remove();
});

const denied = { code: 'PERMISSION_DENIED' };

async function create(name: string, role: ClientRole = ClientRole.ADMIN, lifeMs = 0): Promise<NodeIdentity> {
  const { requestPem, keyPem } = await newCertificateRequest();
  const request = { name, role, lifeMs, request: requestPem };
  const answer = await unary<ClientCreateResponse>((done) => manager.client.clientCreate(request, done));
  expect(answer).toMatchObject({ client: { name, role }, managers: ['127.0.0.1:2377'] });
  return { caPem: answer.rootCertificate, certPem: answer.certificate, keyPem };
}

const remove = (...references: string[]) => unary((done) => manager.client.clientRemove({ references }, done));

const address = () => ({ kind: 'tcp', host: '127.0.0.1', port: host.port }) as const;

function control(identity: NodeIdentity): ControlClient {
  const client = connectClient(ControlClient, address(), clientChannelCredentials(identity));
  open.push(client);
  return client;
}

const nodeList = (client: ControlClient, metadata = new Metadata()) =>
  unary<NodeListResponse>((done) => client.nodeList({}, metadata, done));

/** How a call of the method ends that sends nothing, or is ended after `patienceMs`. */
async function codeOf(
  client: Client,
  { path, requestStream, responseStream }: ServiceDefinition[string],
  patienceMs: number,
) {
  const asIs = (bytes: Buffer) => bytes;
  const metadata = new Metadata();
  const options = { deadline: Date.now() + patienceMs };
  return await new Promise<number>((resolve) => {
    const call = requestStream
      ? client.makeBidiStreamRequest(path, asIs, asIs, metadata, options)
      : client.makeServerStreamRequest(path, asIs, asIs, Buffer.alloc(0), metadata, options);
    call.on('data', () => undefined);
    call.on('error', () => undefined);
    call.on('status', ({ code }: { code: number }) => resolve(code));
    if (!requestStream && !responseStream) return;
    if (requestStream) (call as unknown as { end(): void }).end();
  });
}

const DENIED = 7;

/**
 * The methods that are denied. Those which are expected to be get all the time that a busy machine may need to say so;
 * many of the others wait for requests, or for an engine that isn't there, and don't end by themselves.
 */
async function deniedMethods(credentials: ChannelCredentials, service: ServiceDefinition, expected: string[]) {
  const client = connectClient(Client, address(), credentials);
  open.push(client);
  const code = (name: string, method: ServiceDefinition[string]) =>
    codeOf(client, method, expected.includes(name) ? 20_000 : 400);
  const all = Object.entries(service).map(async ([name, method]) => [name, await code(name, method)] as const);
  return (await Promise.all(all)).filter(([, code]) => code === DENIED).map(([name]) => name);
}

async function expectDenied(credentials: ChannelCredentials, service: ServiceDefinition, expected: string[]) {
  expect(new Set(await deniedMethods(credentials, service, expected))).toEqual(new Set(expected));
}

const withPermission = (permissions: Readonly<Record<string, Permission>>, wanted: Permission) =>
  Object.keys(permissions).filter((name) => permissions[name] === wanted);

describe('an administrator', () => {
  it('may do from afar what root on a manager may', async () => {
    const credentials = clientChannelCredentials(await create('ci'));
    expect((await nodeList(control(await create('other')))).nodes).toHaveLength(1);
    for (const service of [ControlService, EngineService, NodeAgentService]) {
      await expectDenied(credentials, service, []);
    }
  });

  it('is no node: it has no session, speaks no Raft, and joins or renews nothing', async () => {
    const identity = await create('ci');
    const credentials = clientChannelCredentials(identity);
    await expectDenied(credentials, DispatcherService, Object.keys(DispatcherService));
    const node = new RemoteNode(host.port);
    await expect(node.session('node1', credentials).next()).rejects.toMatchObject(denied);
    const { requestPem } = await newCertificateRequest();
    const token = await joinToken(manager, NodeRole.MANAGER);
    for (const asked of [{}, { token, nodeId: node.nodeId }, { expiredCertificate: identity.certPem }]) {
      const refused = node.issue({ request: requestPem, ...asked }, credentials);
      await expect(refused).rejects.toMatchObject({ ...denied, message: 'refused: client ci is no node' });
    }
    expect(manager.store.view((read) => read.find('node', { by: 'all' }))).toHaveLength(1);
  });

  it('has no other role because it says so', async () => {
    const viewer = control(await create('eye', ClientRole.VIEWER));
    for (const claim of ['administrator', 'manager node1', 'client 40 ci']) {
      const metadata = new Metadata();
      metadata.set('gantry-caller', claim);
      const rotate = unary((done) => viewer.clusterJoinToken({ role: NodeRole.MANAGER, rotate: true }, metadata, done));
      await expect(rotate).rejects.toMatchObject(denied);
    }
  });
});

describe('a viewer', () => {
  it('may call what changes nothing, and nothing else', async () => {
    const credentials = clientChannelCredentials(await create('eye', ClientRole.VIEWER));
    const services = [
      [ControlService, CONTROL_PERMISSIONS],
      [EngineService, ENGINE_PERMISSIONS],
      [NodeAgentService, NODE_AGENT_PERMISSIONS],
    ] as const;
    for (const [service, permissions] of services) {
      expect(new Set(Object.keys(permissions))).toEqual(new Set(Object.keys(service)));
      await expectDenied(credentials, service, withPermission(permissions, 'admin'));
    }
  });
});

describe('nodes', () => {
  it('are no clients: they reach no engine, and workers still no Control', async () => {
    for (const role of [NodeRole.WORKER, NodeRole.MANAGER]) {
      const node = await joinedNode(host, manager, role);
      await expectDenied(node.credentials, EngineService, Object.keys(EngineService));
      await expectDenied(node.credentials, NodeAgentService, Object.keys(NodeAgentService));
      const ofControl = role === NodeRole.WORKER ? Object.keys(ControlService) : [];
      await expectDenied(node.credentials, ControlService, ofControl);
    }
  });
});

describe('a certificate that is revoked', () => {
  it('counts no more at once, and what it has open ends', async () => {
    const [ci, other] = [control(await create('ci')), control(await create('other'))];
    const watching = responses(ci.watch({ kinds: [], stack: '', fromRevision: 0 }));
    for (let seen = await watching.next(); seen.value?.synced !== true; seen = await watching.next());
    await remove('ci');
    const revoked = { ...denied, message: 'refused: the certificate of client ci has been revoked' };
    await expect(watching.next()).rejects.toMatchObject(revoked);
    await expect(nodeList(ci)).rejects.toMatchObject(revoked);
    await nodeList(other);
  });

  it('does not come back with another of the same name', async () => {
    const before = control(await create('ci'));
    await expect(create('ci')).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await remove('ci');
    const after = control(await create('ci'));
    await nodeList(after);
    await expect(nodeList(before)).rejects.toMatchObject(denied);
  });

  it('is revoked with all others that are named, or none is', async () => {
    const ci = await create('ci');
    await expect(remove('ci', 'nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await nodeList(control(ci));
    await remove(ownClient(ci.certPem).serial);
    await expect(nodeList(control(ci))).rejects.toMatchObject(denied);
  });
});

describe('a call of a client that another manager passes on', () => {
  it('is the client’s, with its role; and nobody’s when there is no such client', async () => {
    const node = await joinedNode(host, manager, NodeRole.MANAGER);
    const eye = ownClient((await create('eye', ClientRole.VIEWER)).certPem);
    const client = connectClient(ControlClient, address(), node.credentials);
    open.push(client);
    const metadata = new Metadata();
    metadata.set('gantry-caller', `client ${eye.serial} eye`);
    await nodeList(client, metadata);
    const token = { role: NodeRole.WORKER, rotate: false };
    await expect(unary((done) => client.clusterJoinToken(token, metadata, done))).rejects.toMatchObject(denied);
    await remove('eye');
    await expect(nodeList(client, metadata)).rejects.toMatchObject(denied);
  });
});

describe('what a client is made of', () => {
  it.each([
    ['a name that is none', { name: 'a b' }],
    ['a life that is too short', { lifeMs: 1000 }],
    ['a life that is too long', { lifeMs: 11 * 365 * 86_400_000 }],
    ['a role that is unknown', { role: 17 as ClientRole }],
    ['a request that is none', { request: 'nonsense' }],
  ])('is refused with %s, and nothing is kept of it', async (_name, wrong) => {
    const { requestPem } = await newCertificateRequest();
    const request = { name: 'ci', role: ClientRole.ADMIN, lifeMs: 0, request: requestPem, ...wrong };
    const refused = unary((done) => manager.client.clientCreate(request, done));
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(manager.store.view((read) => read.total('clientCertificate'))).toBe(0);
  });

  it('is shown again, and stays over a restart', async () => {
    const identity = await create('ci', ClientRole.ADMIN, 3_600_000);
    const { serial, expiresAtMs } = ownClient(identity.certPem);
    const { clients } = await unary<{ clients: unknown[] }>((done) => manager.client.clientList({}, done));
    expect(clients).toMatchObject([{ id: serial, name: 'ci', role: ClientRole.ADMIN, expiresAtMs }]);
    await manager.stop();
    manager = await host.start(60_000);
    await vi.waitFor(() => nodeList(control(identity)), { timeout: 10_000 });
  });
});
