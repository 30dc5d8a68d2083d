/** What a manager that reads its log says of itself. */
import { GantryError } from '../proto/errors.ts';
import type { HealthResponse, ManagerServer } from '../proto/generated/gantry/v1/manager.ts';
import { unaryMethod } from '../proto/server.ts';
import type { ReplicatedLog } from './replication/replicated-log.ts';

export function managerMethods(health: () => HealthResponse): ManagerServer {
  return {
    health: unaryMethod(async () => health()),
    unlock: unaryMethod(async () => {
      throw new GantryError('WRONG_STATE', 'cannot unlock this manager: it is not locked');
    }),
  };
}

export function healthOf(log: ReplicatedLog): HealthResponse {
  return { locked: false, leaderNodeId: log.leadership().leaderId ?? '', problem: '' };
}
