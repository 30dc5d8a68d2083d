/** Generic resources in the form of Docker's API: each named unit by itself, the others by their number. */
import type { GenericReservation, GenericResource } from '../../../proto/generated/gantry/v1/types.ts';
import type { Fields } from '../../../proto/template/values.ts';

/** Nothing when there are none. */
export function genericResourceFields(resources: readonly GenericResource[]): Fields {
  if (resources.length === 0) return {};
  return {
    GenericResources: resources.flatMap(({ kind, names, count }) =>
      names.length === 0
        ? [discrete(kind, count)]
        : names.map((name) => ({ NamedResourceSpec: { Kind: kind, Value: name } })),
    ),
  };
}

export function genericReservationFields(reservations: readonly GenericReservation[]): Fields {
  if (reservations.length === 0) return {};
  return { GenericResources: reservations.map(({ kind, count }) => discrete(kind, count)) };
}

function discrete(kind: string, value: number): Fields {
  return { DiscreteResourceSpec: { Kind: kind, Value: value } };
}
