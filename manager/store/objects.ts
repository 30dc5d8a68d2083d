/** All kinds of objects, and the way between them and their form on the wire. */
import { StoreObject } from '../../proto/generated/gantry/v1/store.ts';
import { canonical } from './canonical.ts';
import { type ClientCertificateObject, clientCertificateType } from './client-certificate.ts';
import { type ClusterObject, clusterType } from './cluster.ts';
import { type ConfigObject, configType } from './config.ts';
import { type NetworkObject, networkType } from './network.ts';
import { type NodeObject, nodeType } from './node.ts';
import { type SecretObject, secretType } from './secret.ts';
import { type ServiceObject, serviceType } from './service.ts';
import type { SharedParts } from './shared-parts.ts';
import { type StackVersionObject, stackVersionType } from './stack-version.ts';
import { fromStoredTask, toStoredTask } from './stored-task.ts';
import { type TaskObject, taskType } from './task.ts';
import { type VolumePinObject, volumePinType } from './volume-pin.ts';

export interface ObjectTypes {
  cluster: ClusterObject;
  node: NodeObject;
  service: ServiceObject;
  task: TaskObject;
  network: NetworkObject;
  secret: SecretObject;
  config: ConfigObject;
  stackVersion: StackVersionObject;
  clientCertificate: ClientCertificateObject;
  volumePin: VolumePinObject;
}

export type ObjectKind = keyof ObjectTypes;

/** An object with its kind. */
export type AnyObject = { [K in ObjectKind]: { readonly kind: K; readonly object: ObjectTypes[K] } }[ObjectKind];

export const OBJECT_TYPES = {
  cluster: clusterType,
  clientCertificate: clientCertificateType,
  stackVersion: stackVersionType,
  node: nodeType,
  network: networkType,
  secret: secretType,
  config: configType,
  service: serviceType,
  task: taskType,
  volumePin: volumePinType,
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
  if (target.kind === 'task') return { object: { $case: 'task', value: toStoredTask(target.object) } };
  // The union of kinds and that of wire cases are the same, which TypeScript can't see through the pair.
  return { object: { $case: target.kind, value: target.object } as StoreObject['object'] };
}

/** All that a removal says of an object: its id, and the version it was seen at. */
export function tombstone(kind: ObjectKind, object: Pick<AnyObject['object'], 'id' | 'meta'>): StoreObject {
  const { id, meta } = object;
  return StoreObject.fromPartial({ object: { $case: kind, value: { id, meta } } });
}

/**
 * The object in its canonical form; of it only itself can still be changed. Undefined for an empty one, or one of a
 * kind that this version doesn't know. Works on the message itself.
 */
export function fromWire(wire: StoreObject | undefined, shared: SharedParts): AnyObject | undefined {
  const object = wire?.object;
  if (object === undefined) return undefined;
  if (object.$case === 'task') return { kind: 'task', object: fromStoredTask(object.value, shared) };
  const complete = OBJECT_TYPES[object.$case].complete as (raw: unknown) => AnyObject['object'];
  const completed = complete(object.value);
  canonical(completed);
  return { kind: object.$case, object: completed } as AnyObject;
}
