/** Whether networks that the cluster is about to make could be on this host. */
import { type GantryError, toGantryError } from '../../proto/errors.ts';
import type { AssignedNetwork } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { NetworkConflict, NetworkProbeResponse } from '../../proto/generated/gantry/v1/engine.ts';
import type { HostLinks } from './host-links.ts';
import { requireIpv6Support } from './ipv6/forwarding6.ts';
import { findOverlap6 } from './ipv6/network-overlap6.ts';
import { clusterMacvlan, isOnLink, isPossible } from './macvlan/cluster-macvlan.ts';
import type { NetworkModel } from './model.ts';
import type { Route } from './netlink/route.ts';
import type { Route6 } from './netlink/route6.ts';
import { findOverlap } from './network-overlap.ts';
import { clusterNetwork, DEFAULT_MTU, type NetworkRecord } from './network-record.ts';
import { formatSubnet, parseIpv4 } from './subnet.ts';

/** Any number that isn't none: the network has none yet, and will span nodes. */
const SOME_VNI = 1;

/** What macvlan networks can be made of here. */
export interface MacvlanMeans {
  readonly parents: readonly string[];
  readonly configs: readonly NetworkRecord[];
}

export async function probeNetworks(
  networks: readonly AssignedNetwork[],
  model: NetworkModel,
  links: Pick<HostLinks, 'foreignRoutes' | 'foreignRoutes6' | 'mtuOf' | 'links' | 'addresses'>,
  host: MacvlanMeans,
): Promise<NetworkProbeResponse> {
  const routes = { ipv4: await links.foreignRoutes(), ipv6: await links.foreignRoutes6() };
  const conflicts: NetworkConflict[] = [];
  for (const assigned of networks) {
    const underlayMtu = (await links.mtuOf(assigned.nodeAddress)) ?? DEFAULT_MTU;
    const error = isOnLink(assigned)
      ? await macvlanConflict(assigned, model, links, host)
      : await conflictOf(assigned, underlayMtu, model, routes);
    if (error === undefined) continue;
    conflicts.push({ networkId: assigned.network?.id ?? '', message: error.message, hint: error.hint });
  }
  return { conflicts, inUse: { ranges: rangesInUse(model, routes.ipv4) } };
}

/** A route to everywhere is in nobody's way. */
function rangesInUse(model: NetworkModel, routes: readonly Route[]): string[] {
  const routed = routes.flatMap(({ destination }) => (destination.prefixLength === 0 ? [] : formatSubnet(destination)));
  return [...new Set([...[...model.networks.values()].map(({ subnet }) => subnet), ...routed])];
}

async function conflictOf(
  assigned: AssignedNetwork,
  underlayMtu: number,
  model: NetworkModel,
  routes: { readonly ipv4: readonly Route[]; readonly ipv6: readonly Route6[] },
): Promise<GantryError | undefined> {
  try {
    const network = assigned.network && { ...assigned.network, vni: assigned.network.vni || SOME_VNI };
    const record = clusterNetwork({ ...assigned, network }, underlayMtu);
    // On a node that is reached by IPv6 alone it would not span anything, and fit.
    if (parseIpv4(assigned.nodeAddress) === undefined) return undefined;
    const others = [...model.networks.values()].filter(({ id }) => id !== record.id);
    if (record.ipv6 !== undefined) await requireIpv6Support();
    return findOverlap(record, others, routes.ipv4) ?? findOverlap6(record, others, routes.ipv6);
  } catch (error) {
    return toGantryError(error);
  }
}

/** None where tasks on it aren't placed at all. */
async function macvlanConflict(
  assigned: AssignedNetwork,
  model: NetworkModel,
  links: Pick<HostLinks, 'links' | 'addresses'>,
  { parents, configs }: MacvlanMeans,
): Promise<GantryError | undefined> {
  if (!isPossible(assigned, parents, configs)) return undefined;
  try {
    const seen = { configs, links: await links.links(), addresses: await links.addresses() };
    const record = clusterMacvlan(assigned, seen);
    const others = [...model.networks.values()].filter(({ id }) => id !== record.id);
    return findOverlap(record, others, []);
  } catch (error) {
    return toGantryError(error);
  }
}
