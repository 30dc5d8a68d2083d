/** What the store must know of a kind of object, and the parts that all kinds share. */
import type { Annotations, Meta } from '../../proto/generated/gantry/v1/types.ts';

export const STACK_LABEL = 'com.docker.stack.namespace';

/** An object as the store keeps it: messages that are optional on the wire are always there. */
export interface Stored {
  readonly id: string;
  readonly meta: Meta;
}

export interface ObjectType<Raw, T extends Stored, Index extends string> {
  /** Fills in what is absent on the wire. */
  complete(raw: Raw): T;
  /** The name it holds: unique among objects of its kind. Undefined: none. */
  nameOf(object: T): string | undefined;
  /** Why the first can't become the second; undefined when it can. Left out: anything goes. */
  changeProblem?(before: T, after: T): string | undefined;
  /** The keys that an object is found by, per index. */
  readonly indexes: Readonly<Record<Index, (object: T) => readonly string[]>>;
}

/** Of an object that isn't in the store. */
export const NO_META: Meta = { version: 0, createdAtMs: 0, updatedAtMs: 0, createdVersion: 0 };

export function completeMeta(meta: Meta | undefined): Meta {
  return meta ?? NO_META;
}

export function completeAnnotations(annotations: Annotations | undefined): Annotations {
  return annotations ?? { name: '', labels: {} };
}

/** The index of objects by the stack they belong to. */
export function stackKeys(labels: Readonly<Record<string, string>>): readonly string[] {
  const stack = labels[STACK_LABEL];
  return stack ? [stack] : [];
}

/** The index of objects that are to go once nothing uses them any more: by PENDING_DELETE. */
export const PENDING_DELETE = 'yes';

export function pendingDeleteKeys(object: { readonly pendingDelete: boolean }): readonly string[] {
  return object.pendingDelete ? [PENDING_DELETE] : [];
}
