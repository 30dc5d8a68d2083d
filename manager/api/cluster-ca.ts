/** ClusterCa, ClusterCaRotate. */
import { GantryError } from '../../proto/errors.ts';
import type {
  ClusterCaRequest,
  ClusterCaResponse,
  ClusterCaRotateRequest,
  ClusterCaRotateResponse,
  WaitingNode,
} from '../../proto/generated/gantry/v1/control.ts';
import { NodeState, type RootCa } from '../../proto/generated/gantry/v1/types.ts';
import { rootDigest } from '../../proto/root-certificates.ts';
import { nodeCertificateLifeMs } from '../ca/certificate-life.ts';
import { desiredRoot, type NodeStanding, standingOf } from '../ca/rotation.ts';
import type { ClusterObject } from '../store/cluster.ts';
import { type NodeObject, nodeName } from '../store/node.ts';
import { theCluster } from '../store/the-cluster.ts';
import { withCertExpiry } from './cert-expiry.ts';
import type { ApiContext } from './context.ts';
import { checkKnowsRotation } from './known-format.ts';

/** Who waits for a thousand nodes doesn't read a thousand names. */
const MAX_WAITING = 20;

export function clusterCa({ store }: ApiContext, _request: ClusterCaRequest): ClusterCaResponse {
  const { cluster, nodes } = store.view((read) => ({
    cluster: theCluster(read),
    nodes: read.find('node', { by: 'all' }),
  }));
  const desired = rootDigest(rootOf(desiredRoot(cluster)).certificate);
  const standings = nodes.map((node) => ({
    node,
    standing: standingOf(node.description.tls, desired, cluster.caRotation),
  }));
  const rotating = cluster.caRotation !== undefined;
  const waiting = standings.filter(({ standing }) => !(rotating ? standing.hasCertificate : standing.trustsOnly));
  return {
    certificate: rootOf(cluster.rootCa).certificate,
    desiredDigest: desired,
    rotating,
    nodes: nodes.length,
    rotatedCertificates: standings.filter(({ standing }) => standing.hasCertificate).length,
    rotatedRoots: standings.filter(({ standing }) => standing.trustsOnly).length,
    waiting: waiting.slice(0, MAX_WAITING).map(({ node, standing }) => waitingNode(node, standing, desired)),
  };
}

function waitingNode(node: NodeObject, { hasCertificate }: NodeStanding, desired: string): WaitingNode {
  return { nodeId: node.id, name: nodeName(node), reason: reasonOf(node, hasCertificate, desired) };
}

function reasonOf({ status, description }: NodeObject, hasCertificate: boolean, desired: string): string {
  if (status.state === NodeState.DOWN) return 'it is down';
  if (status.state !== NodeState.READY) return 'it has not been heard of';
  if (hasCertificate) return 'it still trusts the old root';
  if (description.tls === undefined) return 'it does not say whom it trusts: is its gantryd of an older version?';
  return description.tls.trustedRoots.includes(desired)
    ? 'it is to get its certificate'
    : 'it is to trust the new root';
}

function rootOf(root: RootCa | undefined): RootCa {
  if (root === undefined) throw new GantryError('UNAVAILABLE', 'the cluster is being set up');
  return root;
}

/**
 * Without a certificate a new root is made, each time anew. INVALID_ARGUMENT: what was given can't be the cluster's root.
 * CONFLICT: another rotation has ended meanwhile.
 */
export async function clusterCaRotate(
  { store, clock, logger }: ApiContext,
  request: ClusterCaRotateRequest,
): Promise<ClusterCaRotateResponse> {
  const nowMs = clock.now();
  const before = store.view(theCluster);
  checkKnowsRotation(before, 'the authority is to be rotated');
  const present = rootOf(before.rootCa);
  const next = await nextRoot(withCertExpiry(before, request.nodeCertExpiryMs, nowMs), request, nowMs);
  const digest = rootDigest(next.certificate);
  const isPresent = digest === rootDigest(present.certificate);
  const { crossCertificate } = await import('../ca/roots.ts');
  const cross = isPresent ? '' : await crossCertificate(present, next, nowMs);
  const begun = await store.update((tx) => {
    const cluster = theCluster(tx);
    if (cluster.rootCa?.certificate !== present.certificate) throw endedMeanwhile();
    const changed = withCertExpiry(cluster, request.nodeCertExpiryMs, nowMs);
    const isBegun = isUnderWay(cluster, digest) || (isPresent && cluster.caRotation === undefined);
    // Rotations are told apart by it.
    const startedAtMs = Math.max(nowMs, (cluster.caRotation?.startedAtMs ?? 0) + 1);
    const caRotation = { rootCa: next, crossCertificate: cross, startedAtMs };
    if (!isBegun) tx.update('cluster', { ...changed, caRotation });
    else if (changed !== cluster) tx.update('cluster', changed);
    return !isBegun;
  });
  if (begun) logger.info({ root: digest }, 'a rotation of the authority begins');
  return { desiredDigest: digest };
}

async function nextRoot(
  { rootCa, spec }: ClusterObject,
  { certificate, key }: ClusterCaRotateRequest,
  nowMs: number,
): Promise<RootCa> {
  const { givenRootCa, successorOf } = await import('../ca/roots.ts');
  if (certificate !== '' || key !== '') return givenRootCa(certificate, key, nowMs, nodeCertificateLifeMs(spec));
  return successorOf(rootOf(rootCa), nowMs);
}

function isUnderWay({ caRotation }: ClusterObject, digest: string): boolean {
  return caRotation?.rootCa !== undefined && rootDigest(caRotation.rootCa.certificate) === digest;
}

function endedMeanwhile(): GantryError {
  return new GantryError('CONFLICT', 'cannot rotate the authority: another rotation has ended meanwhile', {
    hint: 'try again',
  });
}
