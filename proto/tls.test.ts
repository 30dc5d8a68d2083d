import { type ChannelCredentials, Server, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectClient, unary } from './client.ts';
import { NodeAgentClient, NodeAgentService } from './generated/gantry/v1/node.ts';
import { TestAuthority } from './identity.testing.ts';
import {
  managerChannelCredentials,
  type NodeIdentity,
  NodeServerCredentials,
  ownPeer,
  peerOf,
  pinnedChannelCredentials,
  RenewableChannelCredentials,
  unverifiedChannelCredentials,
} from './tls.ts';

const MANAGER = { nodeId: 'm1', role: 'manager', clusterId: 'c1' } as const;
const WORKER = { nodeId: 'w1', role: 'worker', clusterId: 'c1' } as const;

let ca: TestAuthority;
let server: Server;
let credentials: NodeServerCredentials;
let port: number;

/** A server that answers with who is calling. */
async function listen(identity: NodeIdentity, wanted = 0): Promise<void> {
  server = new Server();
  const whoCalls = (call: ServerUnaryCall<unknown, unknown>, done: (error: unknown, answer: unknown) => void) => {
    const peer = peerOf(call);
    done(null, {
      nodeId: peer?.nodeId ?? 'nobody',
      manager: peer?.role === 'manager',
      connected: false,
      error: '',
      managers: [],
    });
  };
  const refuse = (_call: unknown, done: (error: unknown) => void) => done({ code: status.UNIMPLEMENTED });
  const methods = Object.keys(NodeAgentService).map((name) => [name, name === 'clusterStatus' ? whoCalls : refuse]);
  server.addService(NodeAgentService, Object.fromEntries(methods));
  credentials = new NodeServerCredentials(identity);
  port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${wanted}`, credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
}

async function whoAmI(creds: ChannelCredentials): Promise<{ nodeId: string; manager: boolean }> {
  const client = connectClient(NodeAgentClient, { kind: 'tcp', host: '127.0.0.1', port }, creds);
  try {
    const { nodeId, manager } = await unary<{ nodeId: string; manager: boolean }>((done) =>
      client.clusterStatus({}, done),
    );
    return { nodeId, manager };
  } finally {
    client.close();
  }
}

beforeEach(async () => {
  ca = await TestAuthority.create();
  await listen(await ca.issue(MANAGER));
});

afterEach(() => server.forceShutdown());

describe('a server of a node', () => {
  it('knows its callers by their certificates', async () => {
    const worker = await ca.issue(WORKER);
    expect(ownPeer(worker)).toEqual(WORKER);
    expect(await whoAmI(managerChannelCredentials(worker))).toEqual({ nodeId: 'w1', manager: false });
    const manager = await ca.issue({ ...MANAGER, nodeId: 'm2' });
    expect(await whoAmI(managerChannelCredentials(manager))).toEqual({ nodeId: 'm2', manager: true });
  });

  it('takes those without a certificate, and those of another CA, for nobody', async () => {
    const nobody = { nodeId: 'nobody', manager: false };
    expect(await whoAmI(pinnedChannelCredentials(ca.caPem))).toEqual(nobody);
    const foreign = await (await TestAuthority.create()).issue(MANAGER);
    expect(await whoAmI(managerChannelCredentials({ ...foreign, caPem: ca.caPem }))).toEqual(nobody);
  });

  it('takes a certificate that has ended for nobody', async () => {
    const ended = await ca.issue(WORKER, -1000);
    expect(await whoAmI(managerChannelCredentials(ended))).toEqual({ nodeId: 'nobody', manager: false });
  });

  it('shows another certificate after a reload', async () => {
    const other = await TestAuthority.create();
    credentials.reload(await other.issue(MANAGER));
    expect(await whoAmI(pinnedChannelCredentials(other.caPem))).toEqual({ nodeId: 'nobody', manager: false });
    await expect(whoAmI(pinnedChannelCredentials(ca.caPem))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('a client of managers', () => {
  it('talks to no server of another CA, unless it is to believe anybody', async () => {
    const foreign = await TestAuthority.create();
    await expect(whoAmI(managerChannelCredentials(await foreign.issue(WORKER)))).rejects.toThrow(/certificate/);
    await expect(whoAmI(pinnedChannelCredentials(foreign.caPem))).rejects.toThrow(/certificate/);
    expect(await whoAmI(unverifiedChannelCredentials())).toEqual({ nodeId: 'nobody', manager: false });
  });

  it('that is kept shows its new certificate with its next connection', async () => {
    let identity = await ca.issue(WORKER);
    const creds = new RenewableChannelCredentials(() => identity);
    const client = connectClient(NodeAgentClient, { kind: 'tcp', host: '127.0.0.1', port }, creds);
    const ask = () => unary<{ nodeId: string }>((done) => client.clusterStatus({}, done));
    try {
      expect((await ask()).nodeId).toBe('w1');
      identity = await ca.issue({ ...WORKER, nodeId: 'w2' });
      expect((await ask()).nodeId).toBe('w1');
      server.forceShutdown();
      await listen(await ca.issue(MANAGER), port);
      await vi.waitFor(async () => expect((await ask()).nodeId).toBe('w2'), { timeout: 5000 });
    } finally {
      client.close();
    }
  });

  it('talks to no worker, and to no manager of another cluster', async () => {
    const worker = await ca.issue(WORKER);
    for (const impostor of [{ ...WORKER, nodeId: 'w2' }, { ...MANAGER, clusterId: 'c2' } as const]) {
      server.forceShutdown();
      await listen(await ca.issue(impostor));
      await expect(whoAmI(managerChannelCredentials(worker))).rejects.toThrow(/not that of a manager/);
    }
  });
});
