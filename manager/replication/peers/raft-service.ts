/** The receiving end of the transport: the service that other managers call. */
import type { ServerReadableStream } from '@grpc/grpc-js';
import { GantryError } from '../../../proto/errors.ts';
import type {
  RaftBatch,
  RaftBatchesReceived,
  RaftJoinRequest,
  RaftJoinResponse,
  RaftMember,
  RaftServer,
  SnapshotChunk,
  SnapshotProgress,
} from '../../../proto/generated/gantry/v1/raft.ts';
import { type BidiHandler, bidiMethod, clientStreamMethod, unaryMethod } from '../../../proto/server.ts';
import { type AuthenticatedCall, peerOf } from '../../../proto/tls.ts';
import type { Message } from '../../raft/message.ts';
import { SnapshotReceiver } from './snapshot-receiver.ts';
import type { SnapshotTransfer } from './transport.ts';
import { fromWire } from './wire.ts';

/** What the driver does with what comes. */
export interface RaftReceiver {
  receive(message: Message): void;
  receiveSnapshot(transfer: SnapshotTransfer): Promise<void>;
}

/** Takes a manager in, or says who can. `incarnation`: of the state that it has; 0: none yet. */
export type JoinHandler = (member: RaftMember, incarnation: number) => Promise<RaftJoinResponse>;

/** Whoever calls must be a manager: the server sees to that. A manager speaks for itself only: that is seen to here. */
export function raftServer(receiver: RaftReceiver, join: JoinHandler): RaftServer {
  const snapshots = new SnapshotReceiver();
  return {
    messages: (call: ServerReadableStream<RaftBatch, RaftBatchesReceived>, callback) => {
      const sender = senderOf(call);
      clientStreamMethod<RaftBatch, RaftBatchesReceived>(async (batches) => {
        for await (const { messages } of batches) {
          for (const message of messages) receiver.receive(fromWire(spokenBy(sender, message)));
        }
        return {};
      })(call, callback);
    },
    snapshot: (call) => {
      const sender = senderOf(call);
      const handler: BidiHandler<SnapshotChunk, SnapshotProgress> = (chunks) =>
        snapshots.receive(chunks, async (transfer) => {
          await receiver.receiveSnapshot(spokenBy(sender, transfer));
        });
      bidiMethod(handler)(call);
    },
    join: (call, callback) => {
      const sender = senderOf(call);
      unaryMethod<RaftJoinRequest, RaftJoinResponse>(({ member, incarnation }) => {
        if (member === undefined || member.id !== sender) throw foreign(sender, member?.id ?? '');
        return join(member, incarnation);
      })(call, callback);
    },
  };
}

function senderOf(call: AuthenticatedCall): string {
  return peerOf(call)?.nodeId ?? '';
}

function spokenBy<Spoken extends { readonly from: string }>(sender: string, message: Spoken): Spoken {
  if (message.from !== sender) throw foreign(sender, message.from);
  return message;
}

function foreign(sender: string, name: string): GantryError {
  return new GantryError('PERMISSION_DENIED', `node ${sender} speaks in the name of node ${name}`);
}
