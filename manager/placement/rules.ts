/** A service's placement, parsed: where its tasks may be, and what they are spread over. Pure. */
import { type Constraint, type NodeAttribute, parseSpread } from '../../proto/constraint.ts';
import { type Placement, PlacementStrategy, type Platform } from '../../proto/generated/gantry/v1/types.ts';
import { constraintsOf, unmetOf } from '../../proto/node-match.ts';
import { fitsPlatform, platformText } from '../../proto/platform.ts';
import type { NodeObject } from '../store/node.ts';

export interface PlacementRules {
  readonly constraints: readonly Constraint[];
  readonly spread: readonly NodeAttribute[];
  /** Infinity for no bound. */
  readonly maxReplicasPerNode: number;
  readonly strategy: PlacementStrategy;
  /** None: any. */
  readonly platforms: readonly Platform[];
  /** Of the image; none: not known. */
  readonly imagePlatforms: readonly Platform[];
}

export const ANYWHERE: PlacementRules = {
  constraints: [],
  spread: [],
  maxReplicasPerNode: Number.POSITIVE_INFINITY,
  strategy: PlacementStrategy.UNSPECIFIED,
  platforms: [],
  imagePlatforms: [],
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
    platforms: placement.platforms,
    imagePlatforms: placement.imagePlatforms,
  };
  if (Object.isFrozen(placement)) parsed.set(placement, rules);
  return rules;
}

/** The first constraint that the node doesn't meet. */
export function unmetConstraint({ constraints }: PlacementRules, node: NodeObject): Constraint | undefined {
  return unmetOf(constraints, node);
}

/** What the node isn't and would have to be, in words: of what the user asks for. What runs there has to leave. */
export function unmetDemand(rules: PlacementRules, node: NodeObject): string | undefined {
  const constraint = unmetConstraint(rules, node);
  if (constraint !== undefined) return `constraint ${constraint.text} not met`;
  if (isOneOf(rules.platforms, node)) return undefined;
  return `platform is not ${rules.platforms.map(platformText).join(' or ')}`;
}

/** The same, and of what the image needs: whether the node may get a new task. */
export function unmetRule(rules: PlacementRules, node: NodeObject): string | undefined {
  const demand = unmetDemand(rules, node);
  if (demand !== undefined || isOneOf(rules.imagePlatforms, node)) return demand;
  return `image is for ${rules.imagePlatforms.map(platformText).join(', ')} only`;
}

function isOneOf(platforms: readonly Platform[], { description }: NodeObject): boolean {
  return platforms.length === 0 || platforms.some((platform) => fitsPlatform(platform, description.platform));
}
