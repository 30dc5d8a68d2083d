/** One member of the benchmark's log: the replicated log as a manager opens it, with a service for writes before it. */
import { readFileSync } from 'node:fs';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { pino } from 'pino';
import { takeIn } from '../../../manager/replication/join.ts';
import { openReplicatedLog } from '../../../manager/replication/open.ts';
import { raftServer } from '../../../manager/replication/peers/raft-service.ts';
import type { StateMachine } from '../../../manager/replication/replicated-log.ts';
import { parseNodeAddress } from '../../../proto/address.ts';
import { connectClient } from '../../../proto/client.ts';
import { toServiceError } from '../../../proto/errors.ts';
import { RaftClient, RaftService } from '../../../proto/generated/gantry/v1/raft.ts';
import { managerChannelCredentials, type NodeIdentity, NodeServerCredentials } from '../../../proto/tls.ts';
import { type MemberStatus, PUT, STATUS, TRANSFER } from './put-service.ts';

/** Written by the benchmark. */
export interface MemberOptions {
  readonly id: string;
  readonly dir: string;
  /** IP:PORT between members, and for clients. */
  readonly address: string;
  readonly clientAddress: string;
  readonly join: readonly string[];
  readonly identity: NodeIdentity;
}

/** Values by the number that they have modulo some: as large as a small cluster's state. */
class Values implements StateMachine {
  #values: Uint8Array[] = [];

  apply(index: number, data: Uint8Array): void {
    this.#values[index % 1000] = data;
  }

  async snapshot(): Promise<Uint8Array> {
    return Buffer.concat(Array.from(this.#values, (value) => value ?? Buffer.alloc(0)));
  }

  async restore(_index: number, data: Uint8Array): Promise<void> {
    this.#values = [data];
  }
}

const [, , file = ''] = process.argv;
const { id, dir, address, clientAddress, join, identity } = JSON.parse(readFileSync(file, 'utf8')) as MemberOptions;
const connect = (to: string) => connectClient(RaftClient, parseNodeAddress(to), managerChannelCredentials(identity));
const log = await openReplicatedLog(
  {
    ...{ dir, nodeId: id, address, connect },
    stateMachine: new Values(),
    begin: join.length === 0 ? { kind: 'alone' } : { kind: 'join', addresses: join },
    logger: pino({ level: process.env.GANTRY_BENCH_LOG ?? 'warn' }, pino.destination(2)),
  },
  new AbortController().signal,
);

function status(_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): void {
  const { isLeader } = log.leadership();
  const voters = log.members().filter(({ voter }) => voter).length;
  const answer: MemberStatus = { isLeader, voters, applied: log.appliedIndex };
  done(null, Buffer.from(JSON.stringify(answer)));
}

function put(call: ServerDuplexStream<Buffer, Buffer>): void {
  const answer = Buffer.alloc(0);
  call.on('data', (value: Buffer) => {
    log.propose(value).then(
      () => call.write(answer),
      (error: unknown) => call.emit('error', toServiceError(error)),
    );
  });
  call.on('end', () => call.end());
}

function transfer({ request }: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): void {
  log.transferLeadership(request.toString()).then(
    () => done(null, Buffer.alloc(0)),
    (error: unknown) => done(toServiceError(error)),
  );
}

function listen(server: Server, at: string, credentials: ServerCredentials): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(at, credentials, (error) => (error === null ? resolve() : reject(error)));
  });
}

const peers = new Server();
peers.addService(
  RaftService,
  raftServer(log, (member) => takeIn(log, member, () => 'manager')),
);
await listen(peers, address, new NodeServerCredentials(identity));
const clients = new Server();
clients.addService({ put: PUT, status: STATUS, transfer: TRANSFER }, { put, status, transfer });
await listen(clients, clientAddress, ServerCredentials.createInsecure());
