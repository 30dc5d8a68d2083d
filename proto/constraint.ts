/**
 * The language of placement: constraints on nodes (`node.labels.zone==a`), and what tasks are spread over
 * (`node.labels.zone`). Source: `docker service create --constraint` and `--placement-pref`.
 */

/** What of a node is compared; `label` only for the kinds of labels. */
export type NodeAttribute =
  | { readonly of: 'id' | 'hostname' | 'role' | 'os' | 'architecture' }
  | { readonly of: 'label' | 'engine-label'; readonly label: string };

export interface Constraint {
  /** As the user wrote it, without spaces around its parts. */
  readonly text: string;
  readonly attribute: NodeAttribute;
  readonly operator: '==' | '!=';
  readonly value: string;
}

/** Why a text isn't one, and what to write instead. */
export interface InvalidPlacement {
  readonly message: string;
  readonly hint: string;
}

const ATTRIBUTES: ReadonlyMap<string, NodeAttribute> = new Map([
  ['node.id', { of: 'id' }],
  ['node.hostname', { of: 'hostname' }],
  ['node.role', { of: 'role' }],
  ['node.platform.os', { of: 'os' }],
  ['node.platform.arch', { of: 'architecture' }],
]);
const LABEL = /^(node|engine)\.labels\.([A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?)$/;
const VALUE = /^[A-Za-z0-9:_.*()?+[\]\\^$|/ -]+$/;
const KEYS_HINT = `write one of ${[...ATTRIBUTES.keys()].join(', ')}, node.labels.NAME, engine.labels.NAME`;

export function parseConstraint(text: string): Constraint | InvalidPlacement {
  const match = /^([^=!]*)([=!]=)(.*)$/.exec(text);
  if (match === null) {
    return { message: `constraint "${text}" has no operator`, hint: 'write KEY==VALUE or KEY!=VALUE' };
  }
  const [key, value] = [(match[1] ?? '').trim(), (match[3] ?? '').trim()];
  const operator = match[2] === '==' ? '==' : '!=';
  const attribute = parseAttribute(key);
  if (attribute === undefined) return { message: `constraint "${text}": unknown key "${key}"`, hint: KEYS_HINT };
  if (!VALUE.test(value)) return { message: `constraint "${text}": invalid value "${value}"`, hint: 'write a word' };
  if (attribute.of === 'role' && !/^(manager|worker)$/i.test(value)) {
    return { message: `constraint "${text}": unknown role "${value}"`, hint: 'write manager or worker' };
  }
  return { text: `${key}${operator}${value}`, attribute, operator, value };
}

/** What tasks are spread over: a label. */
export function parseSpread(text: string): NodeAttribute | InvalidPlacement {
  const attribute = LABEL.test(text) ? parseAttribute(text) : undefined;
  if (attribute !== undefined) return attribute;
  return { message: `tasks can't be spread over "${text}"`, hint: 'write node.labels.NAME or engine.labels.NAME' };
}

function parseAttribute(key: string): NodeAttribute | undefined {
  const match = LABEL.exec(key);
  if (match === null) return ATTRIBUTES.get(key.toLowerCase());
  return { of: match[1] === 'node' ? 'label' : 'engine-label', label: match[2] ?? '' };
}
