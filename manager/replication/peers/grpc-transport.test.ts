/** Two managers that talk over mutual TLS. */
import { randomBytes } from 'node:crypto';
import { Server } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseAddress } from '../../../proto/address.ts';
import { connectClient } from '../../../proto/client.ts';
import { RaftClient, RaftService } from '../../../proto/generated/gantry/v1/raft.ts';
import { TestAuthority } from '../../../proto/identity.testing.ts';
import { managerChannelCredentials, type NodeIdentity, NodeServerCredentials } from '../../../proto/tls.ts';
import type { Message } from '../../raft/message.ts';
import { GrpcTransport } from './grpc-transport.ts';
import { raftServer } from './raft-service.ts';
import type { SnapshotTransfer } from './transport.ts';

let authority: TestAuthority;
const identities = new Map<string, NodeIdentity>();
beforeAll(async () => {
  authority = await TestAuthority.create();
  for (const nodeId of ['a', 'b']) {
    identities.set(nodeId, await authority.issue({ nodeId, role: 'manager', clusterId: 'c' }));
  }
});

function identityOf(id: string): NodeIdentity {
  const identity = identities.get(id);
  if (identity === undefined) throw new Error(`no identity of ${id}`);
  return identity;
}

/** What b has received. */
let messages: Message[];
let snapshots: SnapshotTransfer[];
let server: Server;
let transport: GrpcTransport;
const events = { onUnreachable: vi.fn(), onGone: vi.fn() };
beforeEach(() => {
  messages = [];
  snapshots = [];
  vi.resetAllMocks();
  transport = transportOf('a');
});
afterEach(async () => {
  await transport.close();
  server.forceShutdown();
});

function transportOf(id: string): GrpcTransport {
  const connect = (address: string) =>
    connectClient(RaftClient, parseAddress(`tcp://${address}`), managerChannelCredentials(identityOf(id)));
  const made = new GrpcTransport({ connect, logger: pino({ level: 'silent' }) });
  made.start(events);
  return made;
}

async function serveB(port = 0, receiveSnapshot = async (transfer: SnapshotTransfer) => void snapshots.push(transfer)) {
  server = new Server();
  const receiver = { receive: (message: Message) => void messages.push(message), receiveSnapshot };
  server.addService(
    RaftService,
    raftServer(receiver, async () => ({ members: [], leaderAddress: '', leftBehind: false })),
  );
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, new NodeServerCredentials(identityOf('b')), (error, found) =>
      error === null ? resolve(found) : reject(error),
    );
  });
  return { id: 'b', address: `127.0.0.1:${bound}` };
}

const until = (assertion: () => void) => vi.waitFor(assertion, { timeout: 10_000, interval: 10 });
const heartbeat = (from: string, commit: number): Message => ({
  type: 'heartbeat',
  from,
  to: 'b',
  term: 1,
  commit,
  context: Buffer.alloc(0),
});

describe('GrpcTransport', () => {
  it('brings messages over, in order, as they were', async () => {
    transport.setPeers([await serveB()]);
    await until(() => expect(transport.isConnected('b')).toBe(true));
    const sent: Message[] = [
      heartbeat('a', 7),
      {
        type: 'append',
        from: 'a',
        to: 'b',
        term: 3,
        previousIndex: 4,
        previousTerm: 2,
        commit: 4,
        entries: [
          { term: 3, index: 5, kind: 'normal', data: Buffer.from('x') },
          { term: 3, index: 6, kind: 'normal', data: Buffer.alloc(0) },
          {
            term: 3,
            index: 7,
            kind: 'config-change',
            change: { transition: 'auto', changes: [{ type: 'add-learner', node: 'd' }], context: Buffer.from('y') },
          },
        ],
      },
      { type: 'pre-vote-request', from: 'a', to: 'b', term: 4, lastIndex: 7, lastTerm: 3, transfer: false },
      { type: 'vote-response', from: 'a', to: 'b', term: 4, granted: true, commitIndex: 3, commitTerm: 2 },
      { type: 'timeout-now', from: 'a', to: 'b', term: 4 },
    ];
    transport.send(sent);
    await until(() => expect(messages).toEqual(sent));
  });

  it('loses what it cannot send, says so, and takes up the connection again', async () => {
    const peer = await serveB();
    transport.setPeers([peer]);
    await until(() => expect(transport.isConnected('b')).toBe(true));
    server.forceShutdown();
    await until(() => expect(events.onGone).toHaveBeenCalledWith('b'));
    transport.send([heartbeat('a', 1)]);
    expect(events.onUnreachable).toHaveBeenCalledWith('b');
    await serveB(Number(peer.address.split(':')[1]));
    await until(() => {
      transport.send([heartbeat('a', 2)]);
      expect(messages).toContainEqual(heartbeat('a', 2));
    });
  });

  it('is believed only in its own name', async () => {
    transport.setPeers([await serveB()]);
    await until(() => expect(transport.isConnected('b')).toBe(true));
    transport.send([heartbeat('somebody', 1)]);
    await until(() => {
      transport.send([heartbeat('a', 2)]);
      expect(messages).toContainEqual(heartbeat('a', 2));
    });
    expect(messages.some(({ from }) => from !== 'a')).toBe(false);
  });

  it('brings a snapshot over', async () => {
    const data = randomBytes(3_000_000);
    const snapshot = {
      index: 9,
      term: 2,
      configuration: { voters: ['a'], votersOutgoing: [], learners: ['b'], learnersNext: [], autoLeave: false },
      data,
    };
    const transfer = { from: 'a', to: 'b', term: 2, snapshot, members: [{ id: 'a', address: '127.0.0.1:1' }] };
    transport.setPeers([await serveB()]);
    await transport.sendSnapshot(transfer);
    expect(snapshots).toEqual([transfer]);
  });

  it('fails when the snapshot is not taken', async () => {
    transport.setPeers([await serveB(0, () => Promise.reject(new Error('no room')))]);
    const configuration = { voters: ['a'], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    const snapshot = { index: 9, term: 2, configuration, data: Buffer.from('x') };
    await expect(transport.sendSnapshot({ from: 'a', to: 'b', term: 2, snapshot, members: [] })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
  });
});
