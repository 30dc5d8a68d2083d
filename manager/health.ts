/** What a manager that reads its log says of itself. */
import { errorLine, GantryError } from '../proto/errors.ts';
import {
  type HealthResponse,
  type LocalManagerServer,
  LocalManagerService,
} from '../proto/generated/gantry/v1/manager.ts';
import { unaryMethod } from '../proto/server.ts';
import type { KeyStore } from './encryption/key-store.ts';
import type { ReplicatedLog } from './replication/replicated-log.ts';
import type { ManagerService } from './service.ts';

/** For the manager's own socket. */
export function healthService(log: ReplicatedLog, keys: Pick<KeyStore, 'lock'> | undefined): ManagerService {
  const implementation: LocalManagerServer = {
    health: unaryMethod(async () => healthOf(log, keys)),
    unlock: unaryMethod(async () => {
      throw new GantryError('WRONG_STATE', 'cannot unlock this manager: it is not locked');
    }),
  };
  return { definition: LocalManagerService, implementation, access: 'manager' };
}

function healthOf(log: ReplicatedLog, keys: Pick<KeyStore, 'lock'> | undefined): HealthResponse {
  const { leaderId } = log.leadership();
  const problem = log.problem();
  return {
    locked: false,
    leaderNodeId: leaderId ?? '',
    problem: problem === undefined ? '' : errorLine(problem),
    autolock: keys?.lock.unlockKey !== undefined,
  };
}
