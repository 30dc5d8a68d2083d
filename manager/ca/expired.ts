/** Whom an expired certificate still names: a node that was off when it was to be renewed. */
import { X509Certificate } from 'node:crypto';
import { GantryError } from '../../proto/errors.ts';
import type { IssueCertificateRequest } from '../../proto/generated/gantry/v1/ca.ts';
import { isOwner } from '../../proto/renewal-proof.ts';
import { certificatesIn, isIssuedBy } from '../../proto/root-certificates.ts';
import { type Peer, peerIn } from '../../proto/tls.ts';
import { LONGEST_EXPIRED_MS } from './certificate-life.ts';
import { type Authority, trustedRoots } from './rotation.ts';

/**
 * The node, when an authority that is trusted now signed the certificate, it has expired no longer ago than a node may be
 * off, and the request is signed with its key. PERMISSION_DENIED.
 */
export function expiredPeer(
  request: IssueCertificateRequest,
  cluster: Authority & { id: string },
  nowMs: number,
): Peer {
  const [certificate, ...between] = parse(request.expiredCertificate);
  if (certificate === undefined) throw refused('it cannot be read');
  if (!isTrusted(certificate, between, cluster)) throw refused("it is not of the cluster's authority");
  const peer = peerIn(certificate.toLegacyObject());
  if (peer === undefined || peer.clusterId !== cluster.id) throw refused("it is not a node's");
  if (nowMs < certificate.validFromDate.getTime()) throw refused('it is not valid yet: compare the clocks');
  if (nowMs - certificate.validToDate.getTime() > LONGEST_EXPIRED_MS) throw refused('it expired more than a year ago');
  if (!isOwner(certificate, request.request, request.proof)) throw refused('the request is not signed with its key');
  return peer;
}

/** By a root, or by a root's cross certificate: that of one that was to be the next, but then was not. */
function isTrusted(certificate: X509Certificate, between: readonly X509Certificate[], cluster: Authority): boolean {
  const roots = trustedRoots(cluster).map((pem) => new X509Certificate(pem));
  const vouched = between.filter((one) => one.ca && roots.some((root) => isIssuedBy(one, root)));
  return [...roots, ...vouched].some((authority) => isIssuedBy(certificate, authority));
}

function parse(pem: string): X509Certificate[] {
  try {
    return certificatesIn(pem).map((one) => new X509Certificate(one));
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
