/** StackVolumesRemove: the volumes of a stack, on all nodes. */
import { GantryError } from '../../proto/errors.ts';
import type {
  NodeVolume,
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
  if (stack === '') throw new GantryError('INVALID_ARGUMENT', 'remove the volumes of a stack: the request names none');
  const nodes = context.store.view((read) => read.find('node', { by: 'all' }));
  const found = await askNodes(nodes, (node) => removeOn(context, node, stack, signal));
  return {
    removed: found.flatMap((removed) => removed ?? []),
    unanswered: nodes.filter((_, position) => found[position] === undefined).map(nodeName),
  };
}

/** Undefined: the node doesn't answer. */
async function removeOn(
  context: ApiContext,
  node: NodeObject,
  stack: string,
  signal: AbortSignal,
): Promise<NodeVolume[] | undefined> {
  const filters = [`label=${STACK_LABEL}=${stack}`];
  try {
    const list = [VolumeListRequest, VolumeListResponse] as const;
    const { volumes } = await callEngine(context, node.id, 'VolumeList', list, { filters }, signal);
    for (const { name } of volumes) await removeOnceFree(context, node.id, name, signal);
    return volumes.map(({ name }) => ({ nodeName: nodeName(node), volume: name }));
  } catch (error) {
    if (error instanceof GantryError && error.code === 'UNAVAILABLE') return undefined;
    throw error;
  }
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
