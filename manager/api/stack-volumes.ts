/** StackVolumeList and StackVolumesRemove: the volumes of a stack, on all nodes. */
import { GantryError } from '../../proto/errors.ts';
import type {
  NodeVolume,
  StackVolumeListRequest,
  StackVolumeListResponse,
  StackVolumesRemoveRequest,
  StackVolumesRemoveResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import {
  VolumeListRequest,
  VolumeListResponse,
  VolumeRemoveRequest,
  VolumeRemoveResponse,
} from '../../proto/generated/gantry/v1/engine.ts';
import { type NodeObject, nodeName } from '../store/node.ts';
import { STACK_LABEL } from '../store/object-type.ts';
import { askNodes } from './ask-nodes.ts';
import type { ApiContext } from './context.ts';
import { callEngine } from './node-engines.ts';

/** Throws IN_USE of a volume that a container keeps; the others of its node may have gone by then. */
export async function stackVolumesRemove(
  context: ApiContext,
  { stack }: StackVolumesRemoveRequest,
  signal: AbortSignal,
): Promise<StackVolumesRemoveResponse> {
  const { found, unanswered } = await onAllNodes(context, stack, async (node) => {
    const volumes = await volumesOn(context, node, stack, signal);
    for (const { volume } of volumes) await removeOnceFree(context, node.id, volume, signal);
    return volumes;
  });
  return { removed: found, unanswered };
}

/** A node that doesn't answer by then is left out. */
const LIST_TIMEOUT_MS = 3000;

export async function stackVolumeList(
  context: ApiContext,
  { stack }: StackVolumeListRequest,
  signal: AbortSignal,
): Promise<StackVolumeListResponse> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(LIST_TIMEOUT_MS)]);
  const { found, unanswered } = await onAllNodes(context, stack, async (node) => {
    try {
      return await volumesOn(context, node, stack, limited);
    } catch (error) {
      if (!limited.aborted || signal.aborted) throw error;
      return undefined;
    }
  });
  return { volumes: found, unanswered };
}

interface OnNodes {
  readonly found: NodeVolume[];
  /** Names of nodes that don't answer. */
  readonly unanswered: string[];
}

/** `work` may also say with undefined that its node doesn't answer. */
async function onAllNodes(
  { store }: ApiContext,
  stack: string,
  work: (node: NodeObject) => Promise<NodeVolume[] | undefined>,
): Promise<OnNodes> {
  if (stack === '') throw new GantryError('INVALID_ARGUMENT', 'the volumes of a stack: the request names none');
  const nodes = store.view((read) => read.find('node', { by: 'all' }));
  const found = await askNodes(nodes, (node) => unlessAway(() => work(node)));
  return {
    found: found.flatMap((volumes) => volumes ?? []),
    unanswered: nodes.filter((_, position) => found[position] === undefined).map(nodeName),
  };
}

async function unlessAway<Answer>(work: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof GantryError && error.code === 'UNAVAILABLE') return undefined;
    throw error;
  }
}

async function volumesOn(
  context: ApiContext,
  node: NodeObject,
  stack: string,
  signal: AbortSignal,
): Promise<NodeVolume[]> {
  const codecs = [VolumeListRequest, VolumeListResponse] as const;
  const filters = [`label=${STACK_LABEL}=${stack}`];
  const { volumes } = await callEngine(context, node.id, 'VolumeList', codecs, { filters }, signal);
  return volumes.map(({ name, driver, labels }) => ({ nodeName: nodeName(node), volume: name, driver, labels }));
}

/** A node takes the containers of tasks away after the cluster has forgotten those. */
const FREE_WITHIN_MS = 10_000;
const PAUSE_MS = 100;

async function removeOnceFree(context: ApiContext, nodeId: string, name: string, signal: AbortSignal): Promise<void> {
  const { clock } = context;
  const codecs = [VolumeRemoveRequest, VolumeRemoveResponse] as const;
  const deadlineMs = clock.now() + FREE_WITHIN_MS;
  for (;;) {
    try {
      await callEngine(context, nodeId, 'VolumeRemove', codecs, { name }, signal);
      return;
    } catch (error) {
      const isUsed = error instanceof GantryError && error.code === 'IN_USE';
      if (!isUsed || signal.aborted || clock.now() > deadlineMs) throw error;
      await clock.sleep(PAUSE_MS, signal);
    }
  }
}
