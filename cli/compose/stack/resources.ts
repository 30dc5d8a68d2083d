/** What a task may use and needs: `deploy.resources`, and the older keys of a service. */
import { type GenericReservation, ResourceAmounts, type Resources } from '../../../proto/generated/gantry/v1/types.ts';
import { isGenericReservation } from '../../../proto/generic-resource.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';
import { RESERVATIONS_REFUSALS } from './refusals.ts';

export interface ConvertedResources {
  /** Undefined when it says nothing, so that it is the same as one that isn't there. */
  readonly resources: Resources | undefined;
  /** For `convertDeviceRequests`. */
  readonly devices: ModelCursor | undefined;
}

export function convertResources(cursor: ModelCursor): ConvertedResources {
  return cursor.object({}, (fields) => {
    const limits = fields.get('limits', (one) =>
      one.object({}, (inner) => ({ ...readAmounts(inner), pids: inner.get('pids', (pids) => pids.integer(0)) ?? 0 })),
    );
    const reservations = fields.get('reservations', (one) =>
      one.object(RESERVATIONS_REFUSALS, (inner) => ({
        amounts: { ...readAmounts(inner), pids: 0 },
        generic: inner.get('generic_resources', readGeneric) ?? [],
        devices: inner.cursor('devices'),
      })),
    );
    const devices = reservations?.devices;
    if (limits === undefined && reservations === undefined) return { resources: undefined, devices };
    const amounts = { limits, reservations: reservations?.amounts };
    return { resources: { ...amounts, genericReservations: reservations?.generic ?? [] }, devices };
  });
}

function readAmounts(fields: Fields): Pick<ResourceAmounts, 'nanoCpus' | 'memoryBytes'> {
  return {
    nanoCpus: fields.get('cpus', (one) => one.nanoCpus()) ?? 0,
    memoryBytes: fields.get('memory', (one) => one.bytes()) ?? 0,
  };
}

/** With `cpus`, `mem_limit`, `mem_reservation` and `pids_limit`; that both places say the same was checked with the model. */
export function withServiceLimits(resources: Resources | undefined, service: Fields): Resources | undefined {
  const limits = withAmounts(resources?.limits, {
    nanoCpus: service.get('cpus', (one) => one.nanoCpus()),
    memoryBytes: service.get('mem_limit', (one) => one.bytes()),
    // -1: no limit
    pids: service.get('pids_limit', (one) => Math.max(one.integer(-1), 0)),
  });
  const reservations = withAmounts(resources?.reservations, {
    memoryBytes: service.get('mem_reservation', (one) => one.bytes()),
  });
  if (limits === undefined && reservations === undefined) return resources;
  return { limits, reservations, genericReservations: resources?.genericReservations ?? [] };
}

/** With units that are asked for as devices; of a kind that is reserved otherwise, too, as many as the larger number. */
export function withDevices(
  resources: Resources | undefined,
  generic: readonly GenericReservation[],
): Resources | undefined {
  if (generic.length === 0) return resources;
  const counts = new Map((resources?.genericReservations ?? []).map(({ kind, count }) => [kind, count]));
  for (const { kind, count } of generic) counts.set(kind, Math.max(count, counts.get(kind) ?? 0));
  const genericReservations = [...counts].map(([kind, count]) => ({ kind, count }));
  return { limits: resources?.limits, reservations: resources?.reservations, genericReservations };
}

type Given = { readonly [Key in keyof ResourceAmounts]?: number | undefined };

function withAmounts(amounts: ResourceAmounts | undefined, { nanoCpus, memoryBytes, pids }: Given) {
  if ((nanoCpus ?? memoryBytes ?? pids) === undefined) return amounts;
  const own = amounts ?? ResourceAmounts.create();
  return {
    nanoCpus: own.nanoCpus || (nanoCpus ?? 0),
    memoryBytes: own.memoryBytes || (memoryBytes ?? 0),
    pids: own.pids || (pids ?? 0),
  };
}

const GENERIC_HINT = 'write "discrete_resource_spec: { kind: gpu, value: 1 }"';

/** Of a kind that is there twice, the last one counts, as in Docker. */
function readGeneric(list: ModelCursor): GenericReservation[] {
  const reservations = list.items((item) =>
    item.object({}, (fields) => {
      const discrete = fields.cursor('discrete_resource_spec');
      if (discrete === undefined) throw item.problem('says not how many of what', GENERIC_HINT);
      return readDiscrete(discrete);
    }),
  );
  return [...new Map(reservations.map((one) => [one.kind, one])).values()];
}

function readDiscrete(cursor: ModelCursor): GenericReservation {
  return cursor.object({}, (fields) => {
    const reservation = {
      kind: fields.text('kind'),
      count: fields.get('value', (one) => one.integer(1)) ?? 0,
    };
    if (isGenericReservation(reservation)) return reservation;
    throw cursor.problem('needs a kind and a value', GENERIC_HINT);
  });
}
