/** Whether networks that the cluster is about to make could be on this host. */
import { type GantryError, toGantryError } from '../../proto/errors.ts';
import type { AssignedNetwork } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { NetworkConflict, NetworkProbeResponse } from '../../proto/generated/gantry/v1/engine.ts';
import type { HostLinks } from './host-links.ts';
import type { NetworkModel } from './model.ts';
import type { Route } from './netlink/route.ts';
import { findOverlap } from './network-overlap.ts';
import { clusterNetwork, DEFAULT_MTU } from './network-record.ts';
import { formatSubnet, parseIpv4 } from './subnet.ts';

/** Any number that isn't none: the network has none yet, and will span nodes. */
const SOME_VNI = 1;

export async function probeNetworks(
  networks: readonly AssignedNetwork[],
  model: NetworkModel,
  links: Pick<HostLinks, 'foreignRoutes' | 'mtuOf'>,
): Promise<NetworkProbeResponse> {
  const routes = await links.foreignRoutes();
  const conflicts: NetworkConflict[] = [];
  for (const assigned of networks) {
    const underlayMtu = (await links.mtuOf(assigned.nodeAddress)) ?? DEFAULT_MTU;
    const error = conflictOf(assigned, underlayMtu, model, routes);
    if (error === undefined) continue;
    conflicts.push({ networkId: assigned.network?.id ?? '', message: error.message, hint: error.hint });
  }
  return { conflicts, inUse: { ranges: rangesInUse(model, routes) } };
}

/** A route to everywhere is in nobody's way. */
function rangesInUse(model: NetworkModel, routes: readonly Route[]): string[] {
  const routed = routes.flatMap(({ destination }) => (destination.prefixLength === 0 ? [] : formatSubnet(destination)));
  return [...new Set([...[...model.networks.values()].map(({ subnet }) => subnet), ...routed])];
}

function conflictOf(
  assigned: AssignedNetwork,
  underlayMtu: number,
  model: NetworkModel,
  routes: readonly Route[],
): GantryError | undefined {
  try {
    const network = assigned.network && { ...assigned.network, vni: assigned.network.vni || SOME_VNI };
    const record = clusterNetwork({ ...assigned, network }, underlayMtu);
    // On a node that is reached by IPv6 alone it would not span anything, and fit.
    if (parseIpv4(assigned.nodeAddress) === undefined) return undefined;
    const others = [...model.networks.values()].filter(({ id }) => id !== record.id);
    return findOverlap(record, others, routes);
  } catch (error) {
    return toGantryError(error);
  }
}
