/** A service's placement, parsed: where its tasks may be, and what they are spread over. Pure. */
import { type Constraint, type NodeAttribute, parseConstraint, parseSpread } from '../../proto/constraint.ts';
import { NodeRole, type Placement, PlacementStrategy } from '../../proto/generated/gantry/v1/types.ts';
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
    constraints: placement.constraints.map(asConstraint),
    spread: placement.spread.map(parseSpread).filter((attribute) => 'of' in attribute),
    maxReplicasPerNode: placement.maxReplicasPerNode || Number.POSITIVE_INFINITY,
    strategy: placement.strategy,
  };
  if (Object.isFrozen(placement)) parsed.set(placement, rules);
  return rules;
}

function asConstraint(text: string): Constraint {
  const constraint = parseConstraint(text);
  return 'attribute' in constraint ? constraint : { text, attribute: { of: 'id' }, operator: '==', value: '' };
}

/** The first constraint that the node doesn't meet. */
export function unmetConstraint({ constraints }: PlacementRules, node: NodeObject): Constraint | undefined {
  return constraints.find(({ attribute, operator, value }) => {
    const equal = equals(attribute, attributeOf(node, attribute), value);
    return operator === '==' ? !equal : equal;
  });
}

/** An id tells capitals apart; names and labels don't, as in Swarm. */
function equals(attribute: NodeAttribute, own: string, wanted: string): boolean {
  if (attribute.of === 'id') return own === wanted;
  if (attribute.of === 'architecture') return architecture(own) === architecture(wanted);
  return own.toLowerCase() === wanted.toLowerCase();
}

/** The kernel's name of a machine, or Go's. */
function architecture(name: string): string {
  const lower = name.toLowerCase();
  return GO_NAMES.get(lower) ?? lower;
}

const GO_NAMES: ReadonlyMap<string, string> = new Map([
  ['x86_64', 'amd64'],
  ['aarch64', 'arm64'],
  ['i386', '386'],
  ['i686', '386'],
  ['armv7l', 'arm'],
]);

/** Empty when the node doesn't have it. */
export function attributeOf(node: NodeObject, attribute: NodeAttribute): string {
  switch (attribute.of) {
    case 'id':
      return node.id;
    case 'hostname':
      return node.description.hostname;
    case 'role':
      return node.spec.role === NodeRole.MANAGER ? 'manager' : 'worker';
    case 'os':
      return node.description.platform?.os ?? '';
    case 'architecture':
      return node.description.platform?.architecture ?? '';
    case 'label':
      return node.spec.annotations.labels[attribute.label] ?? '';
    case 'engine-label':
      return node.description.engineLabels[attribute.label] ?? '';
  }
}
