/**
 * How the cluster's authority is replaced while all goes on. Pure. A node can be told, be killed and come back at any
 * point; at each of them any two nodes that run trust each other's certificates:
 *
 * 1. A rotation begins: the store has the next root beside the present one, which has certified the next one's key.
 * 2. Each node is told to trust both. Then it asks for a certificate, and gets one of the next root, which comes along with
 *    the next root's cross certificate: so a node that hasn't been told yet can verify it, too.
 * 3. When every node has said that it has such a certificate, the next root takes the place of the present one, and join
 *    tokens are made anew, since they name the root. Each node is told to trust that root alone.
 *
 * A rotation to yet another root in the middle of step 2 changes what the next root is: certificates of the one that was to
 * be next still verify by their cross certificate, until their nodes have others. What a node has said counts for the
 * rotation that it knew of: since then it may have gone back, for a rotation back to a root that was there before.
 */
import type { NodeTls, RootCa } from '../../proto/generated/gantry/v1/types.ts';
import { rootDigest } from '../../proto/root-certificates.ts';
import type { ClusterObject } from '../store/cluster.ts';
import type { NodeObject } from '../store/node.ts';

/** Of the cluster's object, what says who is to be trusted. */
export type Authority = Pick<ClusterObject, 'rootCa' | 'caRotation'>;

/** A root with what certificates of it come along with. */
export interface Issuer {
  readonly root: RootCa;
  /** PEM; empty outside a rotation. */
  readonly crossCertificate: string;
}

/** PEM of every root that nodes are to trust now; none before the cluster has one. */
export function trustedRoots({ rootCa, caRotation }: Authority): readonly string[] {
  const roots = [rootCa, caRotation?.rootCa].flatMap((root) => (root === undefined ? [] : [root.certificate]));
  return [...new Map(roots.map((pem) => [rootDigest(pem), pem])).values()];
}

/** The root that all certificates are to come from in the end. */
export function desiredRoot({ rootCa, caRotation }: Authority): RootCa | undefined {
  return caRotation?.rootCa ?? rootCa;
}

/** Whom a node gets its certificate from: the next root only once it trusts that. */
export function issuerFor({ rootCa, caRotation }: Authority, trusted: readonly string[]): Issuer | undefined {
  const next = caRotation?.rootCa;
  if (next !== undefined && trusted.includes(rootDigest(next.certificate))) {
    return { root: next, crossCertificate: caRotation?.crossCertificate ?? '' };
  }
  return rootCa && { root: rootCa, crossCertificate: '' };
}

/** How a node stands. `hasCertificate`: of the desired root. `trustsOnly`: that root and no other. */
export interface NodeStanding {
  readonly hasCertificate: boolean;
  readonly trustsOnly: boolean;
}

/** `rotation`: the one under way; what was said of another says nothing. */
export function standingOf(tls: NodeTls | undefined, desired: string, rotation: Authority['caRotation']): NodeStanding {
  if (tls === undefined || isOfAnother(tls, rotation)) return { hasCertificate: false, trustsOnly: false };
  const { issuer, trustedRoots: roots } = tls;
  return { hasCertificate: issuer === desired, trustsOnly: roots.length === 1 && roots[0] === desired };
}

/** Managers show what they have at that moment, and gantryd of older versions doesn't say. */
function isOfAnother({ rotationStartedAtMs }: NodeTls, rotation: Authority['caRotation']): boolean {
  return rotation !== undefined && rotationStartedAtMs !== undefined && rotationStartedAtMs !== rotation.startedAtMs;
}

export type RotationStep =
  | { readonly step: 'none' }
  /** For these nodes to have a certificate of the next root; of managers, for the process to show it. */
  | { readonly step: 'wait'; readonly nodeIds: readonly string[] }
  | { readonly step: 'finish' };

/**
 * `nodes`: all that are in the cluster, up or down. `shown`: what the managers that answer show to others by now, by node;
 * a manager reads its files anew a moment after its agent has written them.
 */
export function nextRotationStep(
  { caRotation }: Authority,
  nodes: readonly Pick<NodeObject, 'id' | 'description'>[],
  shown: ReadonlyMap<string, NodeTls>,
): RotationStep {
  const next = caRotation?.rootCa;
  if (next === undefined) return { step: 'none' };
  const desired = rootDigest(next.certificate);
  const waiting = nodes.filter(({ id, description }) => {
    const tls = [description.tls, shown.get(id) ?? description.tls];
    return !tls.every((one) => standingOf(one, desired, caRotation).hasCertificate);
  });
  if (waiting.length > 0) return { step: 'wait', nodeIds: waiting.map(({ id }) => id) };
  return { step: 'finish' };
}
