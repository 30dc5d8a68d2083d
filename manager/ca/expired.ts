/** Whom an expired certificate still names: a node that was off when it was to be renewed. */
import { X509Certificate } from 'node:crypto';
import { GantryError } from '../../proto/errors.ts';
import type { IssueCertificateRequest } from '../../proto/generated/gantry/v1/ca.ts';
import type { RootCa } from '../../proto/generated/gantry/v1/types.ts';
import { isOwner } from '../../proto/renewal-proof.ts';
import { type Peer, peerIn } from '../../proto/tls.ts';
import { LONGEST_EXPIRED_MS } from './certificate-life.ts';

/**
 * The node, when the CA signed the certificate, it has expired no longer ago than a node may be off, and the request is
 * signed with its key. PERMISSION_DENIED.
 */
export function expiredPeer(request: IssueCertificateRequest, root: RootCa, clusterId: string, nowMs: number): Peer {
  const certificate = parse(request.expiredCertificate);
  const ca = new X509Certificate(root.certificate);
  if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) throw refused("it is not the cluster's");
  const peer = peerIn(certificate.toLegacyObject());
  if (peer === undefined || peer.clusterId !== clusterId) throw refused("it is not a node's");
  if (nowMs < certificate.validFromDate.getTime()) throw refused('it is not valid yet: compare the clocks');
  if (nowMs - certificate.validToDate.getTime() > LONGEST_EXPIRED_MS) throw refused('it expired more than a year ago');
  if (!isOwner(certificate, request.request, request.proof)) throw refused('the request is not signed with its key');
  return peer;
}

function parse(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw refused('it cannot be read', cause);
  }
}

function refused(why: string, cause?: unknown): GantryError {
  return new GantryError('PERMISSION_DENIED', `cannot renew an expired certificate: ${why}`, {
    hint: 'leave the cluster with --force on that node and join it again',
    cause,
  });
}
