/** How long certificates are valid. Apart from what makes them, which is slow to load. */

import { NODE_CERTIFICATE_LIFE_MS } from '../../proto/certificate-life.ts';
import type { ClusterSpec } from '../../proto/generated/gantry/v1/types.ts';

const DAY_MS = 24 * 3_600_000;

export const ROOT_CERTIFICATE_LIFE_MS = 20 * 365 * DAY_MS;
/** For so long after its end a certificate is still renewed for whoever has its key: hosts are switched off for months. */
export const LONGEST_EXPIRED_MS = 365 * DAY_MS;

/** Of the certificates that nodes get. */
export function nodeCertificateLifeMs({ nodeCertExpiryMs }: Pick<ClusterSpec, 'nodeCertExpiryMs'>): number {
  return nodeCertExpiryMs || NODE_CERTIFICATE_LIFE_MS;
}

/** Of a node's certificate, whatever the user wants; nodes that were removed are remembered for as long. */
export const LONGEST_NODE_CERTIFICATE_LIFE_MS = 10 * 365 * DAY_MS;
