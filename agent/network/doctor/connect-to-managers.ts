/** Whether the managers can be reached: calls between nodes go to them. */
import { connect } from 'node:net';
import { parseNodeAddress } from '../../../proto/address.ts';
import type { CheckedPeer, NetworkFinding } from '../../../proto/generated/gantry/v1/engine.ts';
import { finding } from './finding.ts';

const TIMEOUT_MS = 3000;

export async function connectToManagers(
  own: string | undefined,
  peers: readonly CheckedPeer[],
): Promise<NetworkFinding[]> {
  const managers = peers.filter(({ managerAddress }) => managerAddress !== '');
  const findings = await Promise.all(managers.map((peer) => connectTo(own, peer)));
  return findings.flat();
}

async function connectTo(own: string | undefined, peer: CheckedPeer): Promise<NetworkFinding[]> {
  const code = await errorOf(own, peer.managerAddress);
  if (code === undefined) return [];
  const { port } = parseNodeAddress(peer.managerAddress);
  const hint =
    code === 'ECONNREFUSED'
      ? 'see whether gantryd and its manager run there'
      : `let both firewalls, and what is between the hosts, pass TCP port ${port}`;
  return [finding('tcp', `no connection to ${peer.managerAddress}: ${code}`, hint, peer)];
}

/** The error's code, or undefined when there is somebody. */
function errorOf(own: string | undefined, managerAddress: string): Promise<string | undefined> {
  const { host, port } = parseNodeAddress(managerAddress);
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...(own === undefined ? {} : { localAddress: own }), timeout: TIMEOUT_MS });
    const end = (code: string | undefined) => {
      socket.destroy();
      resolve(code);
    };
    socket.once('connect', () => end(undefined));
    socket.once('timeout', () => end('ETIMEDOUT'));
    socket.once('error', (error) => end('code' in error ? String(error.code) : error.message));
  });
}
