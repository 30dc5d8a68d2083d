import type { Command } from 'commander';
import { EngineClient, type NetworkEndpoint } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { type Cli, complain, print } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { EXIT, isGantryError } from '../../failure.ts';
import { inspectNetwork } from '../../format/inspect/network-inspect.ts';
import { renderInspect } from '../../format/listing.ts';
import { findNetwork, type KnownNetwork, knownNetworks } from './networks.ts';

interface InspectOptions {
  readonly format?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<network...>', 'names or ids')
    .option('-f, --format <template>', "'json' or a Go template")
    .action(async (references: string[], { format }: InspectOptions) => {
      const networks = await knownNetworks(cli);
      const found: Fields[] = [];
      const missing: string[] = [];
      for (const reference of references) {
        const network = findNetwork(networks, reference);
        if (network === undefined) missing.push(reference);
        else found.push(inspectNetwork(network, await endpointsOf(cli, network)));
      }
      await print(cli, renderInspect(found, format));
      for (const reference of missing) {
        await complain(cli, `gantry: network ${reference} not found`);
        cli.exitCode = EXIT.failed;
      }
    });
  refuse(command, '-v, --verbose', "'gantry service ps' lists the tasks on other nodes");
}

/** Containers of the daemon's own host, as with Docker. */
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
