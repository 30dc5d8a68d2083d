/** How far a manager is, and whether it can be sent work. */
import { errorLine } from '../../proto/errors.ts';
import type { Readiness } from '../../proto/metrics/reading.ts';
import { noLeader } from '../replication/quorum-loss.ts';
import type { ReplicatedLog } from '../replication/replicated-log.ts';
import type { Store } from '../store/store.ts';

export interface ServingParts {
  readonly store: Pick<Store, 'view'>;
  readonly log: Pick<ReplicatedLog, 'leadership' | 'problem' | 'members' | 'figures' | 'appliedIndex'>;
  /** Agents with a session at this manager; undefined while it doesn't lead. */
  sessions(): number | undefined;
}

export type ManagerPhase =
  | { readonly kind: 'opening' }
  | { readonly kind: 'locked' }
  | ({ readonly kind: 'serving' } & ServingParts);

export function readinessOf(phase: ManagerPhase): Readiness {
  switch (phase.kind) {
    case 'opening':
      return { ready: false, reason: 'the manager reads its log, or waits for the others to take it in' };
    case 'locked':
      return { ready: false, reason: 'the manager is locked; give it the unlock key with "gantry cluster unlock"' };
    case 'serving': {
      if (phase.log.leadership().leaderId !== undefined) return { ready: true };
      return { ready: false, reason: errorLine(phase.log.problem() ?? noLeader()) };
    }
  }
}
