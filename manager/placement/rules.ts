/** A service's placement, parsed: where its tasks may be, and what they are spread over. Pure. */
import { type Constraint, type NodeAttribute, parseSpread } from '../../proto/constraint.ts';
import { type Placement, PlacementStrategy } from '../../proto/generated/gantry/v1/types.ts';
import { constraintsOf, unmetOf } from '../../proto/node-match.ts';
import type { NodeObject } from '../store/node.ts';

export interface PlacementRules {
  readonly constraints: readonly Constraint[];
  readonly spread: readonly NodeAttribute[];
  /** Infinity for no bound. */
  readonly maxReplicasPerNode: number;
  readonly strategy: PlacementStrategy;
}

export const ANYWHERE: PlacementRules = {
  constraints: [],
  spread: [],
  maxReplicasPerNode: Number.POSITIVE_INFINITY,
  strategy: PlacementStrategy.SPREAD,
};

/** Of placements that can't change any more. */
const parsed = new WeakMap<Placement, PlacementRules>();

/** Of a placement that was checked when the service was made; what it has that isn't understood is met by no node. */
export function rulesOf(placement: Placement | undefined): PlacementRules {
  if (placement === undefined) return ANYWHERE;
  const known = parsed.get(placement);
  if (known !== undefined) return known;
  const rules = {
    constraints: constraintsOf(placement),
    spread: placement.spread.map(parseSpread).filter((attribute) => 'of' in attribute),
    maxReplicasPerNode: placement.maxReplicasPerNode || Number.POSITIVE_INFINITY,
    strategy: placement.strategy,
  };
  if (Object.isFrozen(placement)) parsed.set(placement, rules);
  return rules;
}

/** The first constraint that the node doesn't meet. */
export function unmetConstraint({ constraints }: PlacementRules, node: NodeObject): Constraint | undefined {
  return unmetOf(constraints, node);
}
