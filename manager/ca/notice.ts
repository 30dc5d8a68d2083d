/** What nodes are told of the cluster's authority. */
import type { AuthorityNotice } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { pemOf, rootDigest } from '../../proto/root-certificates.ts';
import type { ClusterObject } from '../store/cluster.ts';
import { nodeCertificateLifeMs } from './certificate-life.ts';
import { desiredRoot, trustedRoots } from './rotation.ts';

type Told = Pick<ClusterObject, 'rootCa' | 'caRotation' | 'spec'>;

/** The same object for the same version of the cluster: all nodes are told at once. */
const notices = new WeakMap<Told, AuthorityNotice>();

/** Undefined while the cluster is being set up. */
export function authorityNotice(cluster: Told): AuthorityNotice | undefined {
  const known = notices.get(cluster);
  if (known !== undefined) return known;
  const issuer = desiredRoot(cluster);
  if (issuer === undefined) return undefined;
  const notice = {
    rootCertificates: pemOf(trustedRoots(cluster)),
    issuer: rootDigest(issuer.certificate),
    certificateLifeMs: nodeCertificateLifeMs(cluster.spec),
    rotationStartedAtMs: cluster.caRotation?.startedAtMs ?? 0,
  };
  notices.set(cluster, notice);
  return notice;
}
