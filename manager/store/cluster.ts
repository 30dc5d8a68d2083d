/** The cluster itself: one object, made when the first manager first leads. */
import type { Annotations, Cluster, ClusterSpec, Meta } from '../../proto/generated/gantry/v1/types.ts';
import { completeAnnotations, completeMeta, type ObjectType } from './object-type.ts';

export interface ClusterObject extends Readonly<Omit<Cluster, 'meta' | 'spec'>> {
  readonly meta: Meta;
  readonly spec: ClusterSpec & { annotations: Annotations };
}

export const DEFAULT_TASK_HISTORY_LIMIT = 5;

export const clusterType: ObjectType<Cluster, ClusterObject, never> = {
  complete: (raw) => ({
    ...raw,
    meta: completeMeta(raw.meta),
    spec: {
      taskHistoryLimit: DEFAULT_TASK_HISTORY_LIMIT,
      ...raw.spec,
      annotations: completeAnnotations(raw.spec?.annotations),
    },
  }),
  nameOf: (cluster) => cluster.spec.annotations.name,
  indexes: {},
};
