/** TaskContainersGone: nodes take the containers of tasks away after the cluster has forgotten those. */
import { GantryError } from '../../proto/errors.ts';
import type { TaskContainersGoneRequest, TaskContainersGoneResponse } from '../../proto/generated/gantry/v1/control.ts';
import { ContainerListRequest, ContainerListResponse } from '../../proto/generated/gantry/v1/engine.ts';
import { type NodeObject, nodeName } from '../store/node.ts';
import { askNodes } from './ask-nodes.ts';
import type { ApiContext } from './context.ts';
import { callEngine } from './node-engines.ts';

const GONE_WITHIN_MS = 10_000;
const PAUSE_MS = 100;

export async function taskContainersGone(
  context: ApiContext,
  { taskIds, nodeIds }: TaskContainersGoneRequest,
  signal: AbortSignal,
): Promise<TaskContainersGoneResponse> {
  const tasks = new Set(taskIds);
  const nodes = context.store.view((read) => nodeIds.flatMap((id) => read.get('node', id) ?? []));
  const left = await askNodes(nodes, (node) => leftOn(context, node, tasks, signal));
  return {
    left: left.flatMap((names) => names ?? []),
    unanswered: nodes.filter((_, position) => left[position] === undefined).map(nodeName),
  };
}

/** Undefined: the node doesn't answer. */
async function leftOn(
  context: ApiContext,
  node: NodeObject,
  tasks: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const { clock } = context;
  const deadlineMs = clock.now() + GONE_WITHIN_MS;
  try {
    for (;;) {
      const names = await containersOf(context, node, tasks, signal);
      if (names.length === 0 || signal.aborted || clock.now() > deadlineMs) return names;
      await clock.sleep(PAUSE_MS, signal);
    }
  } catch (error) {
    if (error instanceof GantryError && error.code === 'UNAVAILABLE') return undefined;
    // An older agent doesn't say.
    if (error instanceof GantryError && error.code === 'PERMISSION_DENIED') return [];
    throw error;
  }
}

async function containersOf(
  context: ApiContext,
  node: NodeObject,
  tasks: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<string[]> {
  const codecs = [ContainerListRequest, ContainerListResponse] as const;
  const { containers } = await callEngine(
    context,
    node.id,
    'ContainerList',
    codecs,
    { all: true, filters: [] },
    signal,
  );
  return containers.filter(({ taskId }) => tasks.has(taskId)).map(({ name }) => `${name} on ${nodeName(node)}`);
}
