/** Whether a node that wants to be a manager is where it says: the others must be able to connect to it. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { parseNodeAddress } from '../../proto/address.ts';
import { GantryError, toGantryError } from '../../proto/errors.ts';

const TIMEOUT_MS = 4000;

/** `address`: IP:PORT, where somebody answers with the secret. INVALID_ARGUMENT when nobody does, or somebody else. */
export async function checkReachable(address: string, secret: Uint8Array): Promise<void> {
  const answer = await answerAt(address, secret.byteLength).catch((thrown: unknown) => {
    throw unreachable(address, toGantryError(thrown).message);
  });
  if (!answer.equals(secret)) throw unreachable(address, 'another host answers there');
}

async function answerAt(address: string, bytes: number): Promise<Buffer> {
  const { host, port } = parseNodeAddress(address);
  const socket = connect({ host, port, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const parts: Buffer[] = [];
  let length = 0;
  try {
    await once(socket, 'connect');
    for await (const part of socket as AsyncIterable<Buffer>) {
      parts.push(part);
      length += part.byteLength;
      if (length >= bytes) break;
    }
    return Buffer.concat(parts);
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'AbortError') throw new Error('no answer', { cause });
    throw cause;
  } finally {
    socket.destroy();
  }
}

function unreachable(address: string, why: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `the managers can't reach this node at ${address}: ${why}`, {
    hint: "give --advertise-addr an address of this host that they can reach, and let its firewall pass the cluster's port",
  });
}
