/** What a stack was deployed as at one time. */
import type { Meta, StackVersion } from '../../proto/generated/gantry/v1/types.ts';
import { completeMeta, type ObjectType } from './object-type.ts';

export interface StackVersionObject extends Readonly<Omit<StackVersion, 'meta'>> {
  readonly meta: Meta;
}

export const stackVersionType: ObjectType<StackVersion, StackVersionObject, 'stack' | 'uses'> = {
  complete: (raw) => ({ ...raw, meta: completeMeta(raw.meta) }),
  nameOf: () => undefined,
  indexes: {
    stack: ({ stack }) => [stack],
    uses: ({ secretIds, configIds }) => [...secretIds, ...configIds],
  },
};
