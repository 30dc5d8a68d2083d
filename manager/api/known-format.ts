/** What of services, networks, secrets and configs all managers of the cluster can read already. */

import { GantryError } from '../../proto/errors.ts';
import type { StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import {
  EndpointMode,
  IngressScope,
  type NetworkSpec,
  PullPolicy,
  type ServiceSpec,
  type UpdateConfig,
} from '../../proto/generated/gantry/v1/types.ts';
import { isMacvlan } from '../../proto/macvlan-options.ts';
import { isJob } from '../../proto/service-mode.ts';
import type { ClusterObject } from '../store/cluster.ts';
import { NEVER_UPDATED, type ServiceObject } from '../store/service.ts';
import {
  FORMAT_OF_CA_ROTATION,
  FORMAT_OF_CONTAINER_NAMES,
  FORMAT_OF_GENERIC_RESOURCES,
  FORMAT_OF_IPV6,
  FORMAT_OF_MACVLAN,
  FORMAT_OF_PLACEMENTS,
  FORMAT_OF_PLATFORMS,
  FORMAT_OF_PULL_CREDENTIALS,
  FORMAT_OF_STOPPED_SERVICES,
  FORMAT_OF_TEMPLATE_DRIVERS,
  FORMAT_OF_UPDATE_STATUS,
  FORMAT_OF_VIRTUAL_IPS,
} from '../store/state-format.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { newestPart, newestPort } from '../store/task-format.ts';
import { theCluster } from '../store/the-cluster.ts';

/** WRONG_STATE: a manager that doesn't know of them would lose them. */
export function checkStateFormat(
  tx: ReadTransaction,
  { services, secrets, configs }: Pick<StackSpec, 'services' | 'secrets' | 'configs'>,
): void {
  const { stateFormat } = theCluster(tx);
  for (const service of services) {
    const unknown = unknownPart(service, stateFormat);
    if (unknown !== undefined) throw notKnownToAll(`service ${service.annotations?.name} has ${unknown}`);
  }
  const templated = [...secrets, ...configs].find(({ templateDriver }) => templateDriver !== '');
  if (templated !== undefined && stateFormat < FORMAT_OF_TEMPLATE_DRIVERS) {
    throw notKnownToAll(`${templated.annotations?.name} has a template driver`);
  }
}

/** WRONG_STATE: as above. */
export function checkKnowsNetworks(
  tx: ReadTransaction,
  networks: readonly Pick<NetworkSpec, 'annotations' | 'enableIpv6' | 'driver' | 'auxAddresses'>[],
): void {
  const { stateFormat } = theCluster(tx);
  for (const network of networks) {
    const name = network.annotations?.name;
    if (network.enableIpv6 && stateFormat < FORMAT_OF_IPV6) throw notKnownToAll(`network ${name} has IPv6`);
    if (isMacvlan(network) && stateFormat < FORMAT_OF_MACVLAN) throw notKnownToAll(`network ${name} is macvlan`);
    if (Object.keys(network.auxAddresses).length > 0 && stateFormat < FORMAT_OF_CONTAINER_NAMES) {
      throw notKnownToAll(`network ${name} keeps addresses free`);
    }
  }
}

/** WRONG_STATE: as above; one that doesn't know of them would start them. */
export function checkKnowsStopped(read: ReadTransaction, what: string): void {
  if (theCluster(read).stateFormat < FORMAT_OF_STOPPED_SERVICES) throw notKnownToAll(what);
}

/** `leftOut`: names of services that a service isn't to wait for. WRONG_STATE: as above; it would wait for them. */
export function checkKnowsLeftOut(read: ReadTransaction, leftOut: ReadonlySet<string>): void {
  if (leftOut.size > 0) checkKnowsStopped(read, 'services can be started without what they depend on');
}

/** With so long for its processes to stop; undefined: as was said before. WRONG_STATE: as above. */
export function withStopTimeout(
  read: ReadTransaction,
  service: ServiceObject,
  stopTimeoutMs: number | undefined,
): ServiceObject {
  if (stopTimeoutMs === undefined) return service;
  checkKnowsStopped(read, 'services can be removed with another time to stop than their own');
  return { ...service, stopTimeoutMs };
}

/** WRONG_STATE: as above. */
export function checkKnowsRotation({ stateFormat }: ClusterObject, what: string): void {
  if (stateFormat < FORMAT_OF_CA_ROTATION) throw notKnownToAll(what);
}

export function notKnownToAll(what: string): GantryError {
  return new GantryError('WRONG_STATE', `${what}, which not all managers of the cluster know of yet`, {
    hint: "install this version of gantry on all managers; 'gantry node ls' shows theirs",
  });
}

function unknownPart(spec: ServiceSpec, stateFormat: number): string | undefined {
  const { placement, update, rollback, task, dependencies, ports } = spec;
  const generic = task?.resources?.genericReservations ?? [];
  if (generic.length > 0 && stateFormat < FORMAT_OF_GENERIC_RESOURCES) return 'generic resources';
  if (spec.endpointMode !== EndpointMode.VIP && stateFormat < FORMAT_OF_VIRTUAL_IPS) return 'an endpoint mode';
  if (spec.ingressScope !== IngressScope.CLUSTER && stateFormat < FORMAT_OF_VIRTUAL_IPS) return 'an ingress scope';
  const policy = task?.container?.pullPolicy ?? PullPolicy.MISSING;
  if (policy !== PullPolicy.MISSING && stateFormat < FORMAT_OF_PULL_CREDENTIALS) return 'a pull policy';
  const part = (task && newestPart(task)) ?? newestPort(ports);
  if (part !== undefined && stateFormat < part.format) return part.what;
  if (stateFormat < FORMAT_OF_CONTAINER_NAMES && dependencies.some(({ restart, optional }) => restart || optional)) {
    return 'a dependency that says more than its condition';
  }
  if (isJob(spec) && stateFormat < FORMAT_OF_UPDATE_STATUS) return "a job's mode";
  if (placement !== undefined && stateFormat < FORMAT_OF_PLACEMENTS) return 'a placement';
  const platforms = placement === undefined ? 0 : placement.platforms.length + placement.imagePlatforms.length;
  if (platforms > 0 && stateFormat < FORMAT_OF_PLATFORMS) return 'a platform';
  if (update !== undefined && stateFormat < FORMAT_OF_PLACEMENTS) return 'an update config';
  if (rollback !== undefined && stateFormat < FORMAT_OF_UPDATE_STATUS) return 'a rollback config';
  if (update !== undefined && stateFormat < FORMAT_OF_UPDATE_STATUS && saysMore(update)) {
    return 'an update config with an order, failure action, monitor or failure ratio';
  }
  return undefined;
}

/** Than update configs could say at first. */
function saysMore({ order, failureAction, monitorMs, maxFailureRatio }: UpdateConfig): boolean {
  return order + failureAction + maxFailureRatio > 0 || monitorMs !== undefined;
}

/** A manager that doesn't know how an update stands would lose it. */
export function asFarAsKnown(read: ReadTransaction, service: ServiceObject): ServiceObject {
  return theCluster(read).stateFormat >= FORMAT_OF_UPDATE_STATUS ? service : { ...service, ...NEVER_UPDATED };
}
