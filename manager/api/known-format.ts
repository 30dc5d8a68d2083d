/** What of services, networks, secrets and configs all managers of the cluster can read already. */

import { GantryError } from '../../proto/errors.ts';
import type { StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import {
  type ContainerSpec,
  EndpointMode,
  IngressScope,
  type Mount,
  type NetworkAttachmentConfig,
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
  FORMAT_OF_CGROUP_SETTINGS,
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
  networks: readonly Pick<NetworkSpec, 'annotations' | 'enableIpv6' | 'driver'>[],
): void {
  const { stateFormat } = theCluster(tx);
  for (const network of networks) {
    const name = network.annotations?.name;
    if (network.enableIpv6 && stateFormat < FORMAT_OF_IPV6) throw notKnownToAll(`network ${name} has IPv6`);
    if (isMacvlan(network) && stateFormat < FORMAT_OF_MACVLAN) throw notKnownToAll(`network ${name} is macvlan`);
  }
}

/** WRONG_STATE: as above; one that doesn't know of them would start them. */
export function checkKnowsStopped(read: ReadTransaction, what: string): void {
  if (theCluster(read).stateFormat < FORMAT_OF_STOPPED_SERVICES) throw notKnownToAll(what);
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
  const { placement, update, rollback, task } = spec;
  const generic = task?.resources?.genericReservations ?? [];
  if (generic.length > 0 && stateFormat < FORMAT_OF_GENERIC_RESOURCES) return 'generic resources';
  if (spec.endpointMode !== EndpointMode.VIP && stateFormat < FORMAT_OF_VIRTUAL_IPS) return 'an endpoint mode';
  if (spec.ingressScope !== IngressScope.CLUSTER && stateFormat < FORMAT_OF_VIRTUAL_IPS) return 'an ingress scope';
  const policy = task?.container?.pullPolicy ?? PullPolicy.MISSING;
  if (policy !== PullPolicy.MISSING && stateFormat < FORMAT_OF_PULL_CREDENTIALS) return 'a pull policy';
  const isolation = task?.container === undefined ? undefined : unusualIsolation(task.container);
  if (isolation !== undefined && stateFormat < FORMAT_OF_CGROUP_SETTINGS) return isolation;
  if (stateFormat < FORMAT_OF_CONTAINER_NAMES) {
    const part = partOfComposeFile(spec);
    if (part !== undefined) return part;
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

function unusualIsolation(container: ContainerSpec): string | undefined {
  const { cgroup, cgroupnsMode, cgroupParent, ociAnnotations: annotations, unconfinedSystemPaths } = container;
  if (cgroup !== undefined) return 'cgroup settings';
  if (cgroupnsMode !== '' || cgroupParent !== '') return 'a cgroup namespace or parent';
  if (Object.keys(annotations).length > 0) return 'annotations of its containers';
  return unconfinedSystemPaths ? 'unconfined system paths' : undefined;
}

/** What services couldn't say at first of what a Compose file can. */
function partOfComposeFile({ task, dependencies }: ServiceSpec): string | undefined {
  const { containerName = '', mounts = [], log, postStart = [], preStop = [] } = task?.container ?? {};
  if (containerName !== '') return 'a container name';
  if ((task?.networks ?? []).some(isFixed)) return 'an address or a link of its task';
  if (mounts.some(saysMoreThanBefore)) return "a part of a volume, or a mount's own options";
  if (dependencies.some(({ restart, optional }) => restart || optional))
    return 'a dependency that says more than its condition';
  if (log !== undefined) return 'a log driver or its options';
  if (postStart.length + preStop.length > 0) return 'hooks';
  return undefined;
}

function isFixed({ ip, ipv6, mac, interfaceName }: NetworkAttachmentConfig): boolean {
  return [ip, ipv6, mac, interfaceName].some((one) => one !== undefined);
}

function saysMoreThanBefore({ subpath, bindRecursive, tmpfsOptions, volumeExternal }: Mount): boolean {
  return subpath !== '' || bindRecursive !== '' || tmpfsOptions.length > 0 || volumeExternal;
}

/** Than update configs could say at first. */
function saysMore({ order, failureAction, monitorMs, maxFailureRatio }: UpdateConfig): boolean {
  return order + failureAction + maxFailureRatio > 0 || monitorMs !== undefined;
}

/** A manager that doesn't know how an update stands would lose it. */
export function asFarAsKnown(read: ReadTransaction, service: ServiceObject): ServiceObject {
  return theCluster(read).stateFormat >= FORMAT_OF_UPDATE_STATUS ? service : { ...service, ...NEVER_UPDATED };
}
