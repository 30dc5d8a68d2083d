/** A manager whose own certificate has expired: others would not talk to it, but it has the CA's key itself. */
import type { Logger } from 'pino';
import { NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import { validity } from '../../proto/identity-files.ts';
import type { Clock } from '../clock.ts';
import type { LiveIdentity } from '../identity.ts';
import type { Store } from '../store/store.ts';
import { CertificateAuthority } from './authority.ts';

export interface OwnCertificateOptions {
  readonly store: Store;
  readonly identity: LiveIdentity;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Once, when the log is read: so a cluster that was off for longer than its certificates are valid comes up by itself.
 * Nothing for a node that isn't a manager by the state that it knows.
 */
export async function renewIfExpired(options: OwnCertificateOptions): Promise<void> {
  const { store, identity, nodeId, clock, logger } = options;
  if (identity.current === undefined || clock.now() < validity(identity.current).untilMs) return;
  const { node, cluster } = store.view((read) => ({
    node: read.get('node', nodeId),
    cluster: read.find('cluster', { by: 'all' })[0],
  }));
  if (node?.spec.role !== NodeRole.MANAGER || cluster?.rootCa === undefined) return;
  // There is nobody yet whom it could ask; what it knows it shares with all who know it.
  const upToDate = () => Promise.resolve();
  const authority = new CertificateAuthority({ store, clock, logger, managers: () => [], upToDate });
  await identity.replace(await authority.issueOwn(nodeId));
  logger.warn("this manager's certificate had expired: it has given itself a new one");
}
