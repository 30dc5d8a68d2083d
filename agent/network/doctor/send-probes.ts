/** Sends probes to another host's VXLAN, small ones and ones as large as the link carries. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { CheckedPeer, NetworkFinding } from '../../../proto/generated/gantry/v1/engine.ts';
import { VXLAN_PORT } from '../network-record.ts';
import { finding } from './finding.ts';

const HEADER_BYTES = 8;
/** IPv4 and UDP */
const OUTER_BYTES = 28;
const SMALL_BYTES = 50;
/** Some may be lost on any network. */
const COUNT = 5;

/** `own`: the address to send from; undefined: any. `mtu`: of the link that leads there. What the host itself refuses to send is found here. */
export async function sendProbes(
  own: string | undefined,
  peers: readonly CheckedPeer[],
  vni: number,
  mtu: number,
): Promise<NetworkFinding[]> {
  const socket = createSocket('udp4');
  try {
    // What comes back is of no interest: a host without a VXLAN answers that nobody is there.
    socket.on('error', () => undefined);
    socket.bind(own === undefined ? {} : { address: own });
    await once(socket, 'listening');
    const findings: NetworkFinding[] = [];
    for (const peer of peers) findings.push(...(await sendTo(socket, peer, vni, mtu)));
    return findings;
  } finally {
    socket.close();
  }
}

async function sendTo(socket: Socket, peer: CheckedPeer, vni: number, mtu: number): Promise<NetworkFinding[]> {
  for (const bytes of [SMALL_BYTES, mtu - OUTER_BYTES]) {
    for (let count = 0; count < COUNT; count += 1) {
      const code = await send(socket, probe(vni, bytes), peer.address);
      if (code === undefined) continue;
      const hint = HINTS[code] ?? 'look at its routes and firewall';
      return [
        finding('udp', `the host doesn't send ${bytes + OUTER_BYTES} bytes to ${peer.address}: ${code}`, hint, peer),
      ];
    }
  }
  return [];
}

const HINTS: Readonly<Record<string, string>> = {
  EPERM: `let its firewall send to UDP port ${VXLAN_PORT}`,
  EMSGSIZE: 'the way there carries less than its link says: give the link that MTU, and restart gantryd',
  ENETUNREACH: 'give it a route there',
  EHOSTUNREACH: 'give it a route there, or see whether the other host is on',
};

/** Flags that say that there is a VNI, and the VNI (RFC 7348, 5); then nothing that anybody would take for a frame. */
export function probe(vni: number, bytes: number): Buffer {
  const packet = Buffer.alloc(Math.max(bytes, HEADER_BYTES));
  packet.writeUInt8(0x08, 0);
  packet.writeUIntBE(vni, 4, 3);
  return packet;
}

/** The error's code, or undefined. */
function send(socket: Socket, packet: Buffer, address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    socket.send(packet, VXLAN_PORT, address, (error) => {
      resolve(error === null ? undefined : 'code' in error ? String(error.code) : error.message);
    });
  });
}
