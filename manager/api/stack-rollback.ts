/** StackHistory and StackRollback. */
import type {
  StackHistoryRequest,
  StackHistoryResponse,
  StackRollbackRequest,
  StackRollbackResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import type { ApiContext } from './context.ts';
import { deployStack } from './stack-deploy.ts';
import { noHistory, stackOfVersion, targetOf, versionsOf } from './stack-versions.ts';

export function stackHistory({ store }: ApiContext, { name }: StackHistoryRequest): StackHistoryResponse {
  const versions = store.view((read) => versionsOf(read, name));
  if (versions.length === 0) throw noHistory(name);
  return { versions: versions.map((version) => ({ ...version, spec: Buffer.alloc(0), secretIds: [], configIds: [] })) };
}

/** NOT_FOUND for a stack or version that there is none of; CONFLICT when what is to be taken back isn't the newest. */
export async function stackRollback(
  context: ApiContext,
  { name, version, dryRun, takenBack }: StackRollbackRequest,
  signal: AbortSignal,
): Promise<StackRollbackResponse> {
  const { target, stack } = context.store.view((read) => {
    const found = targetOf(versionsOf(read, name), name, version);
    return { target: found, stack: stackOfVersion(read, found) };
  });
  const request = { stack, prune: true, dryRun };
  const { changes } = await deployStack(context, request, { to: target.version, takenBack }, signal);
  return { version: target.version, changes };
}
