/** What is different of a service's endpoints, as little as has to be said of it. Pure. */
import type { EndpointChanges } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { ServiceEndpoints } from '../../proto/generated/gantry/v1/types.ts';
import { isSameHead, sameEndpoint } from './endpoints.ts';

/** Many nodes are told of the same change. */
const known = new WeakMap<ServiceEndpoints, WeakMap<ServiceEndpoints, EndpointChanges | 'all'>>();

/** 'all': it takes no less to say all of it. */
export function endpointChanges(before: ServiceEndpoints, after: ServiceEndpoints): EndpointChanges | 'all' {
  const found = known.get(before)?.get(after);
  if (found !== undefined) return found;
  const made = difference(before, after);
  const ofBefore = known.get(before) ?? new WeakMap<ServiceEndpoints, EndpointChanges | 'all'>();
  known.set(before, ofBefore.set(after, made));
  return made;
}

function difference(before: ServiceEndpoints, after: ServiceEndpoints): EndpointChanges | 'all' {
  if (!isSameHead(before, after)) return 'all';
  const old = new Map(before.endpoints.map((endpoint) => [endpoint.taskId, endpoint]));
  const changed = after.endpoints.filter((endpoint) => !sameEndpoint(endpoint, old.get(endpoint.taskId)));
  for (const { taskId } of after.endpoints) old.delete(taskId);
  if (changed.length + old.size >= after.endpoints.length) return 'all';
  return { serviceId: after.serviceId, changed, removedTaskIds: [...old.keys()] };
}
