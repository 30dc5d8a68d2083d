/** Which nodes a placement's constraints let pass: managers decide by it, and the CLI knows by it what to wait for. Pure. */
import { type Constraint, type NodeAttribute, parseConstraint } from './constraint.ts';
import { type Node, NodeAvailability, NodeRole, NodeState, type Placement } from './generated/gantry/v1/types.ts';
import { normalArchitecture } from './platform.ts';

/** Of a placement that was checked when the service was made; what it has that isn't understood is met by no node. */
export function constraintsOf(placement: Placement | undefined): readonly Constraint[] {
  return (placement?.constraints ?? []).map((text) => {
    const constraint = parseConstraint(text);
    return 'attribute' in constraint ? constraint : { text, attribute: { of: 'id' }, operator: '==', value: '' };
  });
}

/** The first constraint that the node doesn't meet. */
export function unmetOf(constraints: readonly Constraint[], node: Node): Constraint | undefined {
  return constraints.find(({ attribute, operator, value }) => {
    const equal = equals(attribute, attributeOf(node, attribute), value);
    return operator === '==' ? !equal : equal;
  });
}

/** New tasks may go there. */
export function takesTasks({ spec, status }: Node): boolean {
  return status?.state === NodeState.READY && spec?.availability === NodeAvailability.ACTIVE;
}

/** An id tells capitals apart; names and labels don't, as in Swarm. */
function equals(attribute: NodeAttribute, own: string, wanted: string): boolean {
  if (attribute.of === 'id') return own === wanted;
  if (attribute.of === 'architecture') return normalArchitecture(own) === normalArchitecture(wanted);
  return own.toLowerCase() === wanted.toLowerCase();
}

/** Empty when the node doesn't have it. */
export function attributeOf(node: Node, attribute: NodeAttribute): string {
  switch (attribute.of) {
    case 'id':
      return node.id;
    case 'hostname':
      return node.description?.hostname ?? '';
    case 'role':
      return node.spec?.role === NodeRole.MANAGER ? 'manager' : 'worker';
    case 'os':
      return node.description?.platform?.os ?? '';
    case 'architecture':
      return node.description?.platform?.architecture ?? '';
    case 'label':
      return node.spec?.annotations?.labels[attribute.label] ?? '';
    case 'engine-label':
      return node.description?.engineLabels[attribute.label] ?? '';
  }
}
