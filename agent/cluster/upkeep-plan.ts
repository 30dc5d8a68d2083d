/** What a node has to do to be what the cluster says it is: the next step. Pure. */
import type { PeerRole } from '../../proto/tls.ts';

export interface Standing {
  /** It runs a manager. */
  readonly isManager: boolean;
  /** The cluster wants it to. */
  readonly wantsManager: boolean;
  /** The managers' log has it as a member. */
  readonly isMember: boolean;
  /** Undefined: the first manager hasn't made the CA yet. */
  readonly certificate: { readonly role: PeerRole; readonly renewAtMs: number } | undefined;
}

export type UpkeepStep =
  | { readonly step: 'renew' }
  | { readonly step: 'start-manager' }
  | { readonly step: 'stop-manager' }
  /** Nothing before this time, unless something changes. */
  | { readonly step: 'wait'; readonly untilMs: number };

/**
 * Up: first the certificate, then the manager, which is nothing without it. Down: the manager goes on until the others have
 * let it go, then it stops, and then comes the certificate.
 */
export function nextUpkeepStep(
  { isManager, wantsManager, isMember, certificate }: Standing,
  nowMs: number,
): UpkeepStep {
  if (isManager && !wantsManager && !isMember) return { step: 'stop-manager' };
  if (certificate === undefined) return { step: 'wait', untilMs: Number.POSITIVE_INFINITY };
  if (isManager && !wantsManager) return { step: 'wait', untilMs: Number.POSITIVE_INFINITY };
  const wanted: PeerRole = wantsManager ? 'manager' : 'worker';
  if (certificate.role !== wanted || nowMs >= certificate.renewAtMs) return { step: 'renew' };
  if (wantsManager && !isManager) return { step: 'start-manager' };
  return { step: 'wait', untilMs: certificate.renewAtMs };
}
