/** A network in detail: what its maker knows of it, and the containers of the daemon's own host that are on it. */
import { EngineClient, type NetworkEndpoint } from '../../proto/generated/gantry/v1/engine.ts';
import type { Fields } from '../../proto/template/values.ts';
import type { Cli } from '../cli.ts';
import { ask, withClient } from '../connection.ts';
import { isGantryError } from '../failure.ts';
import { inspectNetwork } from '../format/inspect/network-inspect.ts';
import { findNetwork, type KnownNetwork, knownNetworks } from './networks.ts';

/** Undefined when there is none of that name or id. */
export async function inspectedNetwork(cli: Cli, reference: string): Promise<Fields | undefined> {
  const network = findNetwork(await knownNetworks(cli), reference);
  return network === undefined ? undefined : inspectNetwork(network, await endpointsOf(cli, network));
}

async function endpointsOf(cli: Cli, { id }: KnownNetwork): Promise<NetworkEndpoint[]> {
  try {
    const request = { reference: id };
    const { endpoints } = await withClient(EngineClient, cli, (engine) =>
      ask(engine, engine.localNetworkInspect, request),
    );
    return endpoints;
  } catch (error) {
    // The host isn't on that network of the cluster.
    if (isGantryError(error) && error.code === 'NOT_FOUND') return [];
    throw error;
  }
}
