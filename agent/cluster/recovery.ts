/** Whether this node's manager may be made the only one. */
import { connectClient, unary } from '../../proto/client.ts';
import { fromServiceError, GantryError } from '../../proto/errors.ts';
import { type HealthResponse, LocalManagerClient } from '../../proto/generated/gantry/v1/manager.ts';
import type { ClusterRecoverRequest } from '../../proto/generated/gantry/v1/node.ts';
import { connectManager, managerSocket, whenReady } from './manager-client.ts';

const ANSWER_TIMEOUT_MS = 5000;

/** Of this node's manager. UNAVAILABLE or CANCELLED when it doesn't answer. */
export async function managerHealth(execRoot: string, timeoutMs = ANSWER_TIMEOUT_MS): Promise<HealthResponse> {
  return withManager(execRoot, (manager) =>
    unary<HealthResponse>((done) => manager.health({}, done), AbortSignal.timeout(timeoutMs)),
  );
}

/** Of a manager that was started just now. */
export async function unlockWhenLocked(execRoot: string, unlockKey: string): Promise<void> {
  const client = connectManager(execRoot);
  try {
    await whenReady(client, Date.now());
  } finally {
    client.close();
  }
  const { locked } = await managerHealth(execRoot);
  if (locked) await withManager(execRoot, (manager) => unary((done) => manager.unlock({ unlockKey }, done)));
}

/** Before the manager is stopped: throws what it would be stopped in vain for. */
export function checkRecovery(
  health: HealthResponse | GantryError,
  { force, unlockKey }: Pick<ClusterRecoverRequest, 'force' | 'unlockKey'>,
): void {
  if (!force) checkQuorumIsLost(health);
  if (health instanceof GantryError || !health.autolock || unlockKey !== '') return;
  throw new GantryError('WRONG_STATE', "cannot recover: the manager's log can only be read with the unlock key", {
    hint: 'give it with --unlock-key-file',
  });
}

/** Two managers that both went on alone would be two clusters. */
function checkQuorumIsLost(health: HealthResponse | GantryError): void {
  if (health instanceof GantryError) {
    throw new GantryError('WRONG_STATE', 'cannot tell whether the cluster has quorum: this manager does not answer', {
      hint: 'see why in the log of gantryd; when the other managers are surely lost, recover with --force',
      cause: health,
    });
  }
  if (health.locked) {
    throw new GantryError('WRONG_STATE', 'cannot tell whether the cluster has quorum: this manager is locked', {
      hint: 'unlock it with "gantry cluster unlock" first; when the other managers are surely lost, recover with --force',
    });
  }
  if (health.problem !== '') return;
  throw new GantryError('WRONG_STATE', "cannot recover: the cluster's managers have quorum", {
    hint: 'a manager that went on alone would make a second cluster of it; take lost managers out with "gantry node rm --force"',
  });
}

async function withManager<Result>(
  execRoot: string,
  action: (manager: LocalManagerClient) => Promise<Result>,
): Promise<Result> {
  const manager = connectClient(LocalManagerClient, { kind: 'unix', path: managerSocket(execRoot) });
  try {
    return await action(manager);
  } catch (error) {
    throw fromServiceError(error);
  } finally {
    manager.close();
  }
}
