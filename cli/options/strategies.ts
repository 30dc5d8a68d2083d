/** Placement strategies by name. */
import { PlacementStrategy } from '../../proto/generated/gantry/v1/types.ts';

export const CLUSTER_STRATEGIES = { spread: PlacementStrategy.SPREAD, binpack: PlacementStrategy.BINPACK } as const;

/** What nobody has said is spread. */
export function clusterStrategyName(strategy: PlacementStrategy): keyof typeof CLUSTER_STRATEGIES {
  return strategy === PlacementStrategy.BINPACK ? 'binpack' : 'spread';
}
