/** All kinds of objects, and the way between them and their form on the wire. */
import { StoreObject } from '../../proto/generated/gantry/v1/store.ts';
import { type ClusterObject, clusterType } from './cluster.ts';
import { type ConfigObject, configType } from './config.ts';
import { type NetworkObject, networkType } from './network.ts';
import { type NodeObject, nodeType } from './node.ts';
import { type SecretObject, secretType } from './secret.ts';
import { type ServiceObject, serviceType } from './service.ts';
import { type TaskObject, taskType } from './task.ts';

export interface ObjectTypes {
  cluster: ClusterObject;
  node: NodeObject;
  service: ServiceObject;
  task: TaskObject;
  network: NetworkObject;
  secret: SecretObject;
  config: ConfigObject;
}

export type ObjectKind = keyof ObjectTypes;

/** An object with its kind. */
export type AnyObject = { [K in ObjectKind]: { readonly kind: K; readonly object: ObjectTypes[K] } }[ObjectKind];

export const OBJECT_TYPES = {
  cluster: clusterType,
  node: nodeType,
  network: networkType,
  secret: secretType,
  config: configType,
  service: serviceType,
  task: taskType,
} as const;

/** In the order of references: what comes later refers to what comes earlier. */
export const OBJECT_KINDS = Object.keys(OBJECT_TYPES) as readonly ObjectKind[];

export type IndexName<K extends ObjectKind> = keyof (typeof OBJECT_TYPES)[K]['indexes'] & string;

/** How objects of a kind are found. */
export type Query<K extends ObjectKind> =
  | { readonly by: 'all'; readonly value?: never }
  | { readonly by: 'name'; readonly value: string }
  | { readonly by: 'idPrefix'; readonly value: string }
  | { readonly by: IndexName<K>; readonly value: string };

/** A query with the kind forgotten. */
export interface AnyQuery {
  readonly by: string;
  readonly value?: string;
}

export function toWire(target: AnyObject): StoreObject {
  // The union of kinds and that of wire cases are the same, which TypeScript can't see through the pair.
  return { object: { $case: target.kind, value: target.object } as StoreObject['object'] };
}

/** All that a removal says of an object: its id, and the version it was seen at. */
export function tombstone(kind: ObjectKind, object: Pick<AnyObject['object'], 'id' | 'meta'>): StoreObject {
  const { id, meta } = object;
  return StoreObject.fromPartial({ object: { $case: kind, value: { id, meta } } });
}

/** Undefined for an empty object, or one of a kind that this version doesn't know. */
export function fromWire(wire: StoreObject | undefined): AnyObject | undefined {
  const object = wire?.object;
  if (object === undefined) return undefined;
  const complete = OBJECT_TYPES[object.$case].complete as (raw: unknown) => AnyObject['object'];
  return { kind: object.$case, object: complete(object.value) } as AnyObject;
}

/** Makes an object and all in it unchangeable; bytes excepted, which can't be frozen. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
