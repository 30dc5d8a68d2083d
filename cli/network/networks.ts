/** The networks that a command can name: those of the daemon's host, and, on a manager, those of the cluster. */
import { ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import { EngineClient, type LocalNetwork } from '../../proto/generated/gantry/v1/engine.ts';
import type { Network } from '../../proto/generated/gantry/v1/types.ts';
import { type Cli, complain } from '../cli.ts';
import { ask, withClient } from '../connection.ts';
import { CliError, failureText, isGantryError } from '../failure.ts';

export interface KnownNetwork extends LocalNetwork {
  /** The nodes that have addresses of it; undefined where no manager was asked. */
  readonly nodes: number | undefined;
}

/** By name. Where the cluster can't be asked, what the host knows of its networks. */
export async function knownNetworks(cli: Cli): Promise<KnownNetwork[]> {
  const { networks } = await withClient(EngineClient, cli, (engine) => ask(engine, engine.localNetworkList, {}));
  const cluster = await clusterNetworks(cli);
  // A host is told a moment later that one is gone.
  const own = cluster === undefined ? networks : networks.filter((network) => !network.cluster);
  const local = own.map((network) => ({ ...network, nodes: undefined }));
  return [...local, ...(cluster ?? [])].sort((a, b) => a.name.localeCompare(b.name));
}

/** Undefined where no manager says. */
async function clusterNetworks(cli: Cli): Promise<KnownNetwork[] | undefined> {
  try {
    const { networks } = await withClient(ControlClient, cli, (control) => ask(control, control.networkList, {}));
    return networks.filter(({ pendingDelete }) => !pendingDelete).map(fromCluster);
  } catch (error) {
    if (!isGantryError(error)) throw error;
    if (error.code === 'NOT_IN_CLUSTER' || error.code === 'NOT_A_MANAGER') return undefined;
    if (error.code !== 'UNAVAILABLE') throw error;
    await complain(cli, `gantry: only networks that this host knows: ${failureText(error)}`);
    return undefined;
  }
}

function fromCluster({ id, spec, subnet, gateway, ipv6Subnet, ipv6Gateway, meta, blocks }: Network): KnownNetwork {
  return {
    id,
    name: spec?.annotations?.name ?? '',
    driver: spec?.driver || 'overlay',
    subnet,
    gateway,
    internal: spec?.internal ?? false,
    cluster: true,
    createdAtMs: meta?.createdAtMs ?? 0,
    attachable: spec?.attachable ?? false,
    auxAddresses: { ...spec?.auxAddresses },
    ipRange: spec?.ipRange ?? '',
    labels: spec?.annotations?.labels ?? {},
    driverOpts: spec?.driverOpts ?? {},
    ipv6Subnet,
    ipv6Gateway,
    ipv6Range: '',
    configOnly: false,
    configFrom: spec?.configFrom ?? '',
    nodes: new Set(blocks.map(({ nodeId }) => nodeId)).size,
  };
}

/** By id, name, or the beginning of an id. Undefined when there is none. Throws for the beginning of several. */
export function findNetwork(networks: readonly KnownNetwork[], reference: string): KnownNetwork | undefined {
  const exact = networks.find(({ id }) => id === reference) ?? networks.find(({ name }) => name === reference);
  const begun = reference === '' ? [] : networks.filter(({ id }) => id.startsWith(reference));
  if (exact !== undefined || begun.length < 2) return exact ?? begun[0];
  throw new CliError(`network ${reference} is ambiguous: ${begun.length} ids begin with it`, {
    hint: 'give more of the id',
  });
}

/** Removes a network where it is from. NOT_FOUND, IN_USE, WRONG_STATE. */
export async function removeNetwork(cli: Cli, reference: string): Promise<void> {
  const network = findNetwork(await knownNetworks(cli), reference);
  if (network?.cluster === true) {
    const references = [network.id];
    await withClient(ControlClient, cli, (control) => ask(control, control.networkRemove, { references }));
    return;
  }
  const request = { reference: network?.id ?? reference };
  await withClient(EngineClient, cli, (engine) => ask(engine, engine.localNetworkRemove, request));
}
