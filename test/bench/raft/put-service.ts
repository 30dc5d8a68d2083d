/** What the members of the benchmark's log answer: who leads, and writes, a stream of them for each client. */
import { Client, type ClientDuplexStream, credentials, type MethodDefinition } from '@grpc/grpc-js';

const asIs = (bytes: Buffer): Buffer => bytes;
const CODEC = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };

type Method = MethodDefinition<Buffer, Buffer>;

/** A value in, an empty answer once it is committed and applied. */
export const PUT: Method = { path: '/gantry.bench.Log/Put', requestStream: true, responseStream: true, ...CODEC };
/** JSON of the member's state. */
export const STATUS: Method = {
  path: '/gantry.bench.Log/Status',
  requestStream: false,
  responseStream: false,
  ...CODEC,
};
/** Hands leadership to the member named. */
export const TRANSFER: Method = {
  path: '/gantry.bench.Log/Transfer',
  requestStream: false,
  responseStream: false,
  ...CODEC,
};

export interface MemberStatus {
  readonly isLeader: boolean;
  readonly voters: number;
  readonly applied: number;
}

export function connectTo(address: string): Client {
  return new Client(address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
}

export function call(client: Client, { path }: Method, request: Buffer, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest<Buffer, Buffer>(
      path,
      asIs,
      asIs,
      request,
      { deadline: Date.now() + timeoutMs },
      (error, response) => (error === null ? resolve(response ?? Buffer.alloc(0)) : reject(error)),
    );
  });
}

export function putStream(client: Client): ClientDuplexStream<Buffer, Buffer> {
  return client.makeBidiStreamRequest<Buffer, Buffer>(PUT.path, asIs, asIs);
}
