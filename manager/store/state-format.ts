/**
 * The format of the replicated state: of the log's entries, and of snapshots. Which one is in force is part of the state
 * (Cluster.stateFormat), so that managers of different versions, given the same log, have the same state and take the
 * same snapshots. See docs/decisions/0003-format-versions.md.
 *
 * 1: clusters of one, of version 0.1.
 * 2: several managers; the cluster object has a CA, join tokens, and the managers' lock.
 * 3: services have a placement and an update config.
 * 4: services know their previous spec and how far an update is, and tasks when they began to run; stacks have versions;
 *    secrets and configs have a template driver; services may be jobs.
 * 5: the authority can be rotated, for which nodes say what they trust; the life of nodes' certificates can be set; nodes have
 *    generic resources, services reserve them, and tasks have been given some; placements have platforms; the cluster has a
 *    placement strategy, and client certificates; services have an endpoint mode, an ingress scope, and addresses of their
 *    own; slots of services are pinned to the nodes that have their volumes; nodes have
 *    WireGuard keys, IPv6 addresses, links, and config-only networks; networks have IPv6 subnets, and may be macvlan;
 *    services have a pull policy, and know who pulls their images.
 * 6: tasks have a container name, hooks, addresses of their own and more kinds of mounts, and say how their log is kept; services
 *    roll with what they depend on, know where is what they mount, may be stopped, and start without some of what they depend on; containers have cgroup settings, cgroup
 *    parents, and annotations; nodes say for which rotation of the authority they stand as they say, and which tasks they
 *    can honour; tasks may be on the network of another one or in its namespaces, and run
 *    hooks for all of their service.
 */
import { GantryError } from '../../proto/errors.ts';

/** The newest that this version reads, and writes once all managers read it. Raised with whatever an older one would lose or misread. */
export const STATE_FORMAT = 6;
export const OLDEST_STATE_FORMAT = 1;
/** And of update configs. */
export const FORMAT_OF_PLACEMENTS = 3;
/** And of rollback configs, versions of stacks, and jobs. */
export const FORMAT_OF_UPDATE_STATUS = 4;
export const FORMAT_OF_TEMPLATE_DRIVERS = 4;
/** And of the life of certificates, and of what nodes trust. */
export const FORMAT_OF_CA_ROTATION = 5;
export const FORMAT_OF_GENERIC_RESOURCES = 5;
export const FORMAT_OF_PLATFORMS = 5;
export const FORMAT_OF_CLUSTER_STRATEGY = 5;
export const FORMAT_OF_CLIENT_CERTIFICATES = 5;
/** And of endpoint modes and ingress scopes. */
export const FORMAT_OF_VIRTUAL_IPS = 5;
export const FORMAT_OF_VOLUME_PINS = 5;
export const FORMAT_OF_WIREGUARD = 5;
export const FORMAT_OF_IPV6 = 5;
/** And of what nodes say of their links. */
export const FORMAT_OF_MACVLAN = 5;
/** And of pull policies. */
export const FORMAT_OF_PULL_CREDENTIALS = 5;
export const FORMAT_OF_STOPPED_SERVICES = 6;
/** And of cgroup parents and namespaces, annotations, and unconfined system paths. */
export const FORMAT_OF_CGROUP_SETTINGS = 6;
/** And of what else of a Compose file's service stands in a task's spec; see task-format.ts. */
export const FORMAT_OF_CONTAINER_NAMES = 6;
export const FORMAT_OF_STANDINGS_BY_ROTATION = 6;
/** Which nodes say of their agents. */
export const FORMAT_OF_TASK_FORMATS = 6;

/** Throws UNSUPPORTED: a manager that went on would have another state than the others. `what` has this format. */
export function checkStateFormat(what: string, format: number): void {
  if (format >= OLDEST_STATE_FORMAT && format <= STATE_FORMAT) return;
  throw new GantryError('UNSUPPORTED', `${what} format ${format}; this version of gantry reads up to ${STATE_FORMAT}`, {
    hint: 'install the version on this node that the other managers have, or that wrote the backup',
  });
}

/** The format to go to; undefined while some manager doesn't read a newer one. `readable`: the newest that each manager reads. */
export function nextStateFormat(inForce: number, readable: readonly number[]): number | undefined {
  const common = Math.min(...readable);
  return Number.isFinite(common) && common > inForce ? common : undefined;
}
