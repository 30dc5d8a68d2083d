/** The cluster itself: one object, made when the first manager first leads. */
import {
  type Annotations,
  type Cluster,
  type ClusterSpec,
  type ManagerLock,
  type Meta,
  PlacementStrategy,
} from '../../proto/generated/gantry/v1/types.ts';
import { completeAnnotations, completeMeta, type ObjectType } from './object-type.ts';
import { OLDEST_STATE_FORMAT } from './state-format.ts';

export interface ClusterObject extends Readonly<Omit<Cluster, 'meta' | 'spec' | 'managerLock'>> {
  readonly meta: Meta;
  readonly spec: ClusterSpec & { annotations: Annotations };
  readonly managerLock: ManagerLock;
}

export const DEFAULT_TASK_HISTORY_LIMIT = 5;

export const FIRST_INCARNATION = 1;

const UNLOCKED: ManagerLock = { autolock: false, unlockKey: Buffer.alloc(0), version: 0 };

export const clusterType: ObjectType<Cluster, ClusterObject, never> = {
  complete: (raw) => ({
    ...raw,
    meta: completeMeta(raw.meta),
    spec: {
      taskHistoryLimit: DEFAULT_TASK_HISTORY_LIMIT,
      nodeCertExpiryMs: 0,
      strategy: PlacementStrategy.UNSPECIFIED,
      ...raw.spec,
      annotations: completeAnnotations(raw.spec?.annotations),
    },
    managerLock: raw.managerLock ?? UNLOCKED,
    incarnation: raw.incarnation || FIRST_INCARNATION,
    stateFormat: raw.stateFormat || OLDEST_STATE_FORMAT,
  }),
  nameOf: (cluster) => cluster.spec.annotations.name,
  indexes: {},
};
