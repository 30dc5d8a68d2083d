/** What is looked at of gantryd, and whether it can be sent work. */
import type { Readiness } from '../../proto/metrics/reading.ts';
import type { Containers } from '../container/containers.ts';
import type { ClusterService } from '../engine/cluster-service.ts';
import type { Networks } from '../network/networks.ts';
import type { Volumes } from '../volume/volumes.ts';

export interface ObservedAgent {
  readonly containers: Pick<Containers, 'list'>;
  readonly networks: Pick<Networks, 'list'>;
  readonly volumes: Pick<Volumes, 'list'>;
  readonly cluster: Pick<ClusterService, 'member'>;
  /** Whether the containers that ran before are found again, and all else is open. */
  isOpen(): boolean;
}

export function readinessOf({ isOpen, cluster }: Pick<ObservedAgent, 'isOpen' | 'cluster'>): Readiness {
  if (!isOpen()) return { ready: false, reason: 'gantryd is starting: it finds the containers that run again' };
  const session = cluster.member?.sessionState;
  if (session === undefined || session.connected) return { ready: true };
  const why = session.error === '' ? '' : `: ${session.error}`;
  return { ready: false, reason: `this node has no session with a manager${why}` };
}
