/** TaskExport and TaskCommit: what is in the containers of tasks, on whichever nodes they are. */
import type {
  TaskCommitRequest,
  TaskCommitResponse,
  TaskExportRequest,
} from '../../proto/generated/gantry/v1/control.ts';
import {
  ArchiveChunk,
  ContainerCommitRequest,
  ContainerCommitResponse,
  ContainerExportRequest,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { ApiContext } from './context.ts';
import { callEngine } from './node-engines.ts';
import { only } from './port-probe.ts';
import { runningTask } from './task-containers.ts';

export async function* taskExport(
  context: ApiContext,
  { taskId }: TaskExportRequest,
  signal: AbortSignal,
): AsyncGenerator<ArchiveChunk, void, undefined> {
  const { nodeId, status } = runningTask(context, taskId);
  const request = ContainerExportRequest.encode({ reference: status.containerId }).finish();
  for await (const data of context.engines.openStream(nodeId, 'ContainerExport', only(request), signal)) {
    yield ArchiveChunk.decode(data);
  }
}

/** The image is on the node of the task, from which others fetch it. */
export async function taskCommit(
  context: ApiContext,
  { taskId, commit }: TaskCommitRequest,
  signal: AbortSignal,
): Promise<TaskCommitResponse> {
  const { nodeId, status } = runningTask(context, taskId);
  const codecs = [ContainerCommitRequest, ContainerCommitResponse] as const;
  const request = { ...ContainerCommitRequest.create(commit), reference: status.containerId };
  return { imageId: (await callEngine(context, nodeId, 'ContainerCommit', codecs, request, signal)).imageId, nodeId };
}
