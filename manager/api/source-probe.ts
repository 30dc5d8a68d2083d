/** Asks the nodes which of the sources of services' mounts they have. */
import { SourceProbeRequest, SourceProbeResponse } from '../../proto/generated/gantry/v1/engine.ts';
import { NodeState } from '../../proto/generated/gantry/v1/types.ts';
import type { NodeObject } from '../store/node.ts';
import type { CompleteServiceSpec } from '../store/service.ts';
import { FORMAT_OF_CONTAINER_NAMES } from '../store/state-format.ts';
import { theCluster } from '../store/the-cluster.ts';
import { type AskedSources, type FoundSources, NOTHING_FOUND, sourcesToAsk } from '../volumes/mount-sources.ts';
import type { ApiContext } from './context.ts';
import { only } from './port-probe.ts';

/** Of a node that doesn't answer by then it isn't known. */
const TIMEOUT_MS = 3000;

export async function findSources(
  context: ApiContext,
  specs: readonly Pick<CompleteServiceSpec, 'task'>[],
  signal: AbortSignal,
): Promise<FoundSources> {
  const asked = sourcesToAsk(specs);
  if (asked.paths.length + asked.volumes.length === 0) return NOTHING_FOUND;
  const { nodes, isKnown } = context.store.view((read) => ({
    nodes: read.find('node', { by: 'all' }),
    isKnown: theCluster(read).stateFormat >= FORMAT_OF_CONTAINER_NAMES,
  }));
  if (!isKnown) return NOTHING_FOUND;
  const answers = await Promise.all(nodes.map((node) => probe(context, node, asked, signal)));
  const nodesOf = new Map<string, string[]>();
  nodes.forEach(({ id }, at) => {
    for (const source of answers[at] ?? []) nodesOf.set(source, [...(nodesOf.get(source) ?? []), id]);
  });
  const silent = nodes.filter((_, at) => answers[at] === undefined).map(({ id }) => id);
  return { nodesOf, silent, isComplete: silent.length === 0 };
}

/** Undefined: it doesn't say. */
async function probe(
  context: ApiContext,
  node: NodeObject,
  { paths, volumes }: AskedSources,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  if (node.status.state !== NodeState.READY) return undefined;
  const request = SourceProbeRequest.encode({ paths: [...paths], volumes: [...volumes] }).finish();
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    for await (const data of context.engines.openStream(node.id, 'SourceProbe', only(request), limited)) {
      return SourceProbeResponse.decode(data).existing;
    }
  } catch (error) {
    context.logger.warn({ err: error, node: node.id }, 'node could not be asked about what services mount');
  }
  return undefined;
}
