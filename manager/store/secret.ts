/** A secret: its content never changes; other content under the same name is another object. */
import type { Annotations, Meta, Secret, SecretSpec } from '../../proto/generated/gantry/v1/types.ts';
import { completeAnnotations, completeMeta, type ObjectType, pendingDeleteKeys, stackKeys } from './object-type.ts';

export interface SecretObject extends Readonly<Omit<Secret, 'meta' | 'spec'>> {
  readonly meta: Meta;
  readonly spec: SecretSpec & { annotations: Annotations };
}

export const secretType: ObjectType<Secret, SecretObject, 'stack' | 'pendingDelete'> = {
  complete: (raw) => ({
    ...raw,
    meta: completeMeta(raw.meta),
    spec: {
      data: Buffer.alloc(0),
      templateDriver: '',
      ...raw.spec,
      annotations: completeAnnotations(raw.spec?.annotations),
    },
  }),
  nameOf: (secret) => (secret.pendingDelete ? undefined : secret.spec.annotations.name),
  indexes: {
    stack: (secret) => stackKeys(secret.spec.annotations.labels),
    pendingDelete: pendingDeleteKeys,
  },
};
