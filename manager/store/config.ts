/** A config: its content never changes; other content under the same name is another object. */
import type { Annotations, Config, ConfigSpec, Meta } from '../../proto/generated/gantry/v1/types.ts';
import { completeAnnotations, completeMeta, type ObjectType, pendingDeleteKeys, stackKeys } from './object-type.ts';

export interface ConfigObject extends Readonly<Omit<Config, 'meta' | 'spec'>> {
  readonly meta: Meta;
  readonly spec: ConfigSpec & { annotations: Annotations };
}

export const configType: ObjectType<Config, ConfigObject, 'stack' | 'pendingDelete'> = {
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
  nameOf: (config) => (config.pendingDelete ? undefined : config.spec.annotations.name),
  indexes: {
    stack: (config) => stackKeys(config.spec.annotations.labels),
    pendingDelete: pendingDeleteKeys,
  },
};
