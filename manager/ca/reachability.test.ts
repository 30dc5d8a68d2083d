/** A manager that joins must be where it says. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newCertificateRequest } from '../../proto/certificate-request.ts';
import { freePort } from '../../proto/free-port.testing.ts';
import { NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import { unverifiedChannelCredentials } from '../../proto/tls.ts';
import { joinToken, listeningManager, type ManagerHost, type RunningManager } from '../manager.testing.ts';
import { RemoteNode } from '../remote-node.testing.ts';
import { checkReachable } from './reachability.ts';

const secret = randomBytes(16);
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listening(answer: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    answer(socket);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('checkReachable', () => {
  it('is content with the secret, also in pieces', async () => {
    const address = await listening((socket) => {
      socket.write(secret.subarray(0, 5));
      setImmediate(() => socket.end(secret.subarray(5)));
    });
    await checkReachable(address, secret);
  });

  it.each<[string, (socket: Socket) => void]>([
    ['another host answers there', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['another host answers there', (socket) => socket.end(secret.subarray(0, 5))],
    ['another host answers there', (socket) => socket.end()],
  ])('says that %s', async (why, answer) => {
    const address = await listening(answer);
    await expect(checkReachable(address, secret)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: `the managers can't reach this node at ${address}: ${why}`,
      hint: expect.stringContaining('--advertise-addr'),
    });
  });
});

describe('a node that joins as a manager', () => {
  let host: ManagerHost;
  let manager: RunningManager;
  beforeEach(async () => {
    ({ host, manager } = await listeningManager());
  });
  afterEach(async () => {
    await manager.stop();
    await host.remove();
  });

  async function join(role: NodeRole, address: string) {
    const token = await joinToken(manager, role);
    const { requestPem } = await newCertificateRequest();
    const node = new RemoteNode(host.port);
    const request = { request: requestPem, token, nodeId: node.nodeId, address, callbackSecret: secret };
    return await node.issue(request, unverifiedChannelCredentials());
  }

  it('is taken in where it answers, and else refused before anything has changed; a worker is not looked for', async () => {
    const nodes = () => manager.store.view((read) => read.find('node', { by: 'all' })).length;
    const nobody = `127.0.0.1:${await freePort()}`;
    await expect(join(NodeRole.MANAGER, nobody)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^the managers can't reach this node at 127\.0\.0\.1:\d+: .*ECONNREFUSED/),
    });
    expect(nodes()).toBe(1);
    await join(NodeRole.MANAGER, await listening((socket) => socket.end(secret)));
    await join(NodeRole.WORKER, nobody);
    expect(nodes()).toBe(3);
  });
});
