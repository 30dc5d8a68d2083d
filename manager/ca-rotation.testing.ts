/** A rotation of the authority from outside a manager, with the nodes' part in it. For tests. */
import { unary } from '../proto/client.ts';
import type { ClusterCaResponse, ClusterCaRotateResponse } from '../proto/generated/gantry/v1/control.ts';
import { identityDir, loadIdentity, saveIdentity } from '../proto/identity-files.ts';
import { pemOf } from '../proto/root-certificates.ts';
import { trustedRoots } from './ca/rotation.ts';
import type { ManagerHost, RunningManager } from './manager.testing.ts';
import { RemoteNode } from './remote-node.testing.ts';
import { theCluster } from './store/the-cluster.ts';

export function beginRotation(
  { client }: RunningManager,
  certificate = '',
  key = '',
): Promise<ClusterCaRotateResponse> {
  return unary<ClusterCaRotateResponse>((done) => client.clusterCaRotate({ certificate, key }, done));
}

export function caStatus({ client }: RunningManager): Promise<ClusterCaResponse> {
  return unary<ClusterCaResponse>((done) => client.clusterCa({}, done));
}

/** What nodes are to trust now, in PEM. */
export function rootsToTrust({ store }: RunningManager): string {
  return pemOf(trustedRoots(store.view(theCluster)));
}

/** The manager's own agent does what it is told. */
export async function managerFollows(host: ManagerHost, manager: RunningManager): Promise<void> {
  const node = new RemoteNode(host.port);
  node.identity = loadIdentity(identityDir(host.dir));
  await saveIdentity(identityDir(host.dir), await node.follow(rootsToTrust(manager)));
  await node.describe(host.nodeId);
}
