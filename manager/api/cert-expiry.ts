/** How long nodes' certificates are valid, as the user sets it. */
import { SHORTEST_CERTIFICATE_LIFE_MS } from '../../proto/certificate-life.ts';
import { GantryError } from '../../proto/errors.ts';
import { LONGEST_NODE_CERTIFICATE_LIFE_MS, nodeCertificateLifeMs } from '../ca/certificate-life.ts';
import type { ClusterObject } from '../store/cluster.ts';
import { checkKnowsRotation } from './known-format.ts';

/** Unchanged for undefined. INVALID_ARGUMENT: too short, or too long. */
export function withCertExpiry(cluster: ClusterObject, expiryMs: number | undefined, nowMs: number): ClusterObject {
  const beforeMs = nodeCertificateLifeMs(cluster.spec);
  if (expiryMs === undefined || expiryMs === beforeMs) return cluster;
  if (expiryMs < SHORTEST_CERTIFICATE_LIFE_MS || expiryMs > LONGEST_NODE_CERTIFICATE_LIFE_MS) {
    throw new GantryError(
      'INVALID_ARGUMENT',
      'certificates of nodes are valid for an hour at least, and ten years at most',
      {
        hint: 'give --cert-expiry such a time, as in 2160h',
      },
    );
  }
  checkKnowsRotation(cluster, 'the cluster is to have another --cert-expiry');
  // Those of nodes that are removed are remembered for as long as one that was made until now may be valid.
  const certificatesUntilMs = Math.max(cluster.certificatesUntilMs, nowMs + beforeMs);
  return { ...cluster, spec: { ...cluster.spec, nodeCertExpiryMs: expiryMs }, certificatesUntilMs };
}
