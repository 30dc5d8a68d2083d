/** What a node has to do to be what the cluster says it is: the next step. Pure. */
import { sameRoots } from '../../proto/root-certificates.ts';
import type { PeerRole } from '../../proto/tls.ts';

export interface Standing {
  /** It runs a manager. */
  readonly isManager: boolean;
  /** The cluster wants it to. */
  readonly wantsManager: boolean;
  /** The managers' log has it as a member. */
  readonly isMember: boolean;
  /** Undefined: the first manager hasn't made the CA yet. */
  readonly certificate: Certificate | undefined;
  /** What the cluster says of its authority; undefined: nothing yet. */
  readonly authority: ToldAuthority | undefined;
}

export interface Certificate {
  readonly role: PeerRole;
  readonly renewAtMs: number;
  /** For how long it was made. */
  readonly lifeMs: number;
  /** Digests of the roots that the node trusts, and of the one of them that its certificate comes from; '': none of them. */
  readonly trustedRoots: readonly string[];
  readonly issuer: string;
}

export interface ToldAuthority {
  readonly roots: readonly string[];
  readonly issuer: string;
  readonly lifeMs: number;
}

export type UpkeepStep =
  /** Trust the roots that the cluster says, and no others. */
  | { readonly step: 'trust' }
  | { readonly step: 'renew' }
  | { readonly step: 'start-manager' }
  | { readonly step: 'stop-manager' }
  /** Nothing before this time, unless something changes. */
  | { readonly step: 'wait'; readonly untilMs: number };

/** Certificates are made in whole seconds. */
const TOLERANCE_MS = 2000;

/**
 * Up: first the certificate, then the manager, which is nothing without it. Down: the manager goes on until the others have
 * let it go, then it stops, and then comes the certificate. Whom to trust comes before a certificate from there.
 */
export function nextUpkeepStep(
  { isManager, wantsManager, isMember, certificate, authority }: Standing,
  nowMs: number,
): UpkeepStep {
  if (isManager && !wantsManager && !isMember) return { step: 'stop-manager' };
  if (certificate === undefined) return { step: 'wait', untilMs: Number.POSITIVE_INFINITY };
  if (authority !== undefined && !sameRoots(certificate.trustedRoots, authority.roots)) return { step: 'trust' };
  if (isManager && !wantsManager) return { step: 'wait', untilMs: Number.POSITIVE_INFINITY };
  const wanted: PeerRole = wantsManager ? 'manager' : 'worker';
  if (certificate.role !== wanted || nowMs >= certificate.renewAtMs) return { step: 'renew' };
  if (authority !== undefined && !isAsTold(certificate, authority)) return { step: 'renew' };
  if (wantsManager && !isManager) return { step: 'start-manager' };
  return { step: 'wait', untilMs: certificate.renewAtMs };
}

/** One that was made for less than what is usual now has its end soon enough. */
function isAsTold({ issuer, lifeMs }: Certificate, authority: ToldAuthority): boolean {
  return issuer === authority.issuer && lifeMs <= authority.lifeMs + TOLERANCE_MS;
}
