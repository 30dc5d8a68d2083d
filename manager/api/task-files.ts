/** TaskPathStat, TaskCopyFrom, TaskCopyTo: files in the containers of tasks, on whichever nodes they are. */
import { GantryError } from '../../proto/errors.ts';
import {
  ArchiveChunk,
  ContainerCopyFromRequest,
  ContainerCopyToRequest,
  ContainerCopyToResponse,
  ContainerPathStatRequest,
  ContainerPathStatResponse,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { ApiContext } from './context.ts';
import { callEngine } from './node-engines.ts';
import { only } from './port-probe.ts';
import { taskWithContainer } from './task-containers.ts';

export async function taskPathStat(
  context: ApiContext,
  request: ContainerPathStatRequest,
  signal: AbortSignal,
): Promise<ContainerPathStatResponse> {
  const { nodeId, status } = taskWithContainer(context, request.reference);
  const codecs = [ContainerPathStatRequest, ContainerPathStatResponse] as const;
  const ofContainer = { ...request, reference: status.containerId };
  return await callEngine(context, nodeId, 'ContainerPathStat', codecs, ofContainer, signal);
}

export async function* taskCopyFrom(
  context: ApiContext,
  request: ContainerCopyFromRequest,
  signal: AbortSignal,
): AsyncGenerator<ArchiveChunk, void, undefined> {
  const { nodeId, status } = taskWithContainer(context, request.reference);
  const bytes = ContainerCopyFromRequest.encode({ ...request, reference: status.containerId }).finish();
  for await (const data of context.engines.openStream(nodeId, 'ContainerCopyFrom', only(bytes), signal)) {
    yield ArchiveChunk.decode(data);
  }
}

/** The first request names a task, to the engine its container. */
export async function* taskCopyTo(
  context: ApiContext,
  requests: AsyncIterable<ContainerCopyToRequest>,
  signal: AbortSignal,
): AsyncGenerator<ContainerCopyToResponse, void, undefined> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  const message = first.done === true ? undefined : first.value.message;
  if (message?.$case !== 'options') {
    throw new GantryError('INVALID_ARGUMENT', 'copying to a task: the first message has to be its options');
  }
  const { nodeId, status } = taskWithContainer(context, message.value.reference);
  const options = { ...message.value, reference: status.containerId };
  const encoded = encodedRequests({ message: { $case: 'options', value: options } }, iterator);
  for await (const data of context.engines.openStream(nodeId, 'ContainerCopyTo', encoded, signal)) {
    yield ContainerCopyToResponse.decode(data);
  }
}

async function* encodedRequests(
  first: ContainerCopyToRequest,
  others: AsyncIterator<ContainerCopyToRequest>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield ContainerCopyToRequest.encode(first).finish();
  for (let next = await others.next(); next.done !== true; next = await others.next()) {
    yield ContainerCopyToRequest.encode(next.value).finish();
  }
}
