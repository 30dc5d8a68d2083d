/** Why the certificate that somebody shows, or doesn't, isn't believed: for the log, and for who has lost its way. */
import { type PeerCertificate, TLSSocket } from 'node:tls';
import { peerIn } from '../../proto/tls.ts';

export interface Stranger {
  /** About whoever calls, as the end of a sentence. */
  readonly problem: string;
  readonly hint: string;
}

/** `call`: one without a certificate that is believed. */
export function strangerOf(call: unknown, clusterId: string | undefined, nowMs: number): Stranger {
  const socket = socketOf(call);
  const certificate = socket?.getPeerCertificate();
  // An empty object, whatever the types say, where none is shown.
  if (socket === undefined || certificate?.subject === undefined)
    return { problem: 'it shows no certificate', hint: '' };
  return judge(certificate, String(socket.authorizationError), clusterId, nowMs);
}

/** `reason`: of OpenSSL, as Node names it. */
export function judge(
  certificate: Pick<PeerCertificate, 'subject' | 'valid_from' | 'valid_to'>,
  reason: string,
  clusterId: string | undefined,
  nowMs: number,
): Stranger {
  const peer = peerIn(certificate);
  const whose = peer === undefined ? 'its certificate' : `the certificate of node ${peer.nodeId}`;
  const iso = (time: string | number) => new Date(time).toISOString();
  const compare = 'compare the clocks of both hosts, and set the one that is wrong';
  if (reason === 'CERT_NOT_YET_VALID') {
    const problem = `${whose} is valid only from ${iso(certificate.valid_from)} on, and here it is ${iso(nowMs)}`;
    return { problem, hint: compare };
  }
  if (reason === 'CERT_HAS_EXPIRED') {
    const problem = `${whose} ended on ${iso(certificate.valid_to)}, and here it is ${iso(nowMs)}`;
    return { problem, hint: `a node renews it by itself; if it doesn't, ${compare}` };
  }
  if (peer === undefined || peer.clusterId !== clusterId) {
    return { problem: `${whose} is not of this cluster's authority`, hint: '' };
  }
  return {
    problem: `${whose} is not of this cluster's present authority`,
    hint: 'it was removed before the authority was rotated, or the cluster was restored from an older backup: "gantry cluster leave --force" there, and join again',
  };
}

/**
 * The connection that the call came over. gRPC shows nothing of a certificate that isn't believed, so this looks where it
 * keeps the stream: in each call, behind those of the interceptors.
 */
function socketOf(call: unknown): TLSSocket | undefined {
  let current = call;
  while (isObject(current)) {
    const session = isObject(current.stream) ? current.stream.session : undefined;
    if (isObject(session)) return session.socket instanceof TLSSocket ? session.socket : undefined;
    current = current.nextCall ?? current.call;
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
