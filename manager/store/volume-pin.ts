/** Where the data of one slot of a service are, in a named local volume: only there can its tasks have them. */
import type { Meta, VolumePin } from '../../proto/generated/gantry/v1/types.ts';
import { completeMeta, type ObjectType } from './object-type.ts';

export interface VolumePinObject extends Readonly<Omit<VolumePin, 'meta'>> {
  readonly meta: Meta;
}

export const volumePinType: ObjectType<VolumePin, VolumePinObject, 'source' | 'sourceOfService' | 'node'> = {
  complete: (raw) => ({ ...raw, meta: completeMeta(raw.meta) }),
  nameOf: () => undefined,
  indexes: {
    source: ({ source }) => [source],
    sourceOfService: ({ source, serviceName }) => [sourceOfService(source, serviceName)],
    node: ({ nodeId }) => [nodeId],
  },
};

/** The key of pins of any slot of the service. */
export function sourceOfService(source: string, serviceName: string): string {
  return `${serviceName} ${source}`;
}

/** Each slot has its data in one place. */
export function volumePinId(source: string, { serviceName, slot }: Pick<VolumePin, 'serviceName' | 'slot'>): string {
  return `${serviceName}.${slot} ${source}`;
}
