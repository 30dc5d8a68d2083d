/** What is different of the cluster's services as a node knows them. Pure. */
import type { ServiceEndpoints } from '../../proto/generated/gantry/v1/types.ts';

export interface ServiceChanges {
  /** New, or not as they were. */
  readonly put: readonly ServiceEndpoints[];
  /** Ids. */
  readonly removed: readonly string[];
}

/** Of many services few change at a time, and those that don't are mostly the same objects. */
export function serviceChanges(
  before: readonly ServiceEndpoints[],
  after: readonly ServiceEndpoints[],
): ServiceChanges {
  const known = new Map(before.map((service) => [service.serviceId, service]));
  const put = after.filter((service) => !isSame(known.get(service.serviceId), service));
  for (const { serviceId } of after) known.delete(serviceId);
  return { put, removed: [...known.keys()] };
}

/** By what is kept of them on disk. */
function isSame(a: ServiceEndpoints | undefined, b: ServiceEndpoints): boolean {
  return a === b || (a !== undefined && JSON.stringify(a) === JSON.stringify(b));
}
