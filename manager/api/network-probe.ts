/** Asks the nodes whether networks can be on their hosts, and which containers of no task are on one. */
import { GantryError } from '../../proto/errors.ts';
import {
  LocalNetworkInspectRequest,
  LocalNetworkInspectResponse,
  type NetworkEndpoint,
  NetworkProbeRequest,
  NetworkProbeResponse,
} from '../../proto/generated/gantry/v1/engine.ts';
import { NodeState } from '../../proto/generated/gantry/v1/types.ts';
import type { NetworkObject } from '../store/network.ts';
import { type NodeObject, nodeName } from '../store/node.ts';
import type { ApiContext } from './context.ts';
import { only } from './port-probe.ts';

/** A node that doesn't answer by then is left out: it would say so when it is given the network. */
const TIMEOUT_MS = 3000;

/** Throws CONFLICT naming the node and what is in the way. One of many that has said of late what it uses may not be asked. */
export async function checkOnNodes(
  context: ApiContext,
  networks: readonly NetworkObject[],
  signal: AbortSignal,
): Promise<void> {
  if (networks.length === 0) return;
  const { usedRanges, clock } = context;
  const ready = readyNodes(context);
  const nodes = ready.filter(({ id }) => !usedRanges.leaveRoomFor(id, networks, clock.now()));
  const answers = await Promise.all(
    nodes.map(async (node) => {
      const assigned = networks.map((network) => ({ network, blocks: [], nodeAddress: node.status.address }));
      const request = NetworkProbeRequest.encode({ networks: assigned }).finish();
      const answer = await ask(context, node, 'NetworkProbe', request, signal);
      const { conflicts, inUse } = NetworkProbeResponse.decode(answer ?? new Uint8Array());
      if (inUse !== undefined) usedRanges.heard(node.id, inUse.ranges, clock.now(), ready.length);
      return conflicts;
    }),
  );
  nodes.forEach((node, position) => {
    const [conflict] = answers[position] ?? [];
    if (conflict === undefined) return;
    throw new GantryError('CONFLICT', `node ${nodeName(node)}: ${conflict.message}`, { hint: conflict.hint });
  });
}

/** Throws IN_USE naming the containers: services on it have been looked for already. */
export async function refuseAttached(context: ApiContext, network: NetworkObject, signal: AbortSignal): Promise<void> {
  const names = await attachedContainers(context, network, signal);
  if (names.length === 0) return;
  throw new GantryError(
    'IN_USE',
    `network ${network.spec.annotations.name} has active endpoints: ${names.join(', ')}`,
    {
      hint: `stop those containers, or 'gantry network disconnect ${network.spec.annotations.name} CONTAINER' there`,
    },
  );
}

/** Those of no task: "web on host1". In order. */
export async function attachedContainers(
  context: ApiContext,
  network: NetworkObject,
  signal: AbortSignal,
): Promise<string[]> {
  const nodes = readyNodes(context).filter(({ id }) => network.blocks.some((block) => block.nodeId === id));
  const attached = await Promise.all(nodes.map((node) => attachedOn(context, node, network.id, signal)));
  return nodes
    .flatMap((node, position) =>
      (attached[position] ?? []).map(({ containerName }) => `${containerName} on ${nodeName(node)}`),
    )
    .toSorted();
}

async function attachedOn(
  context: ApiContext,
  node: NodeObject,
  networkId: string,
  signal: AbortSignal,
): Promise<NetworkEndpoint[]> {
  const request = LocalNetworkInspectRequest.encode({ reference: networkId }).finish();
  const answer = await ask(context, node, 'LocalNetworkInspect', request, signal);
  const endpoints = answer === undefined ? [] : LocalNetworkInspectResponse.decode(answer).endpoints;
  // A task that ends may still be there.
  return endpoints.filter(({ taskId }) => taskId === '');
}

function readyNodes({ store }: ApiContext): NodeObject[] {
  return store
    .view((read) => read.find('node', { by: 'all' }))
    .filter(({ status }) => status.state === NodeState.READY);
}

/** Undefined when the node doesn't answer, or knows nothing of what it is asked about. */
async function ask(
  { engines, logger }: ApiContext,
  node: NodeObject,
  method: string,
  request: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    for await (const data of engines.openStream(node.id, method, only(request), limited)) return data;
  } catch (error) {
    const isUnknown = error instanceof GantryError && error.code === 'NOT_FOUND';
    if (!isUnknown) logger.warn({ err: error, node: node.id, method }, 'node could not be asked about a network');
  }
  return undefined;
}
