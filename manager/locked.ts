/** A manager that waits for the unlock key: it can't read its log, and answers nothing else until somebody gives it. */
import type { ServiceDefinition, sendUnaryData, UntypedServiceImplementation } from '@grpc/grpc-js';
import { GantryError, toServiceError } from '../proto/errors.ts';
import { ControlService } from '../proto/generated/gantry/v1/control.ts';
import { DispatcherService } from '../proto/generated/gantry/v1/dispatcher.ts';
import {
  type HealthResponse,
  ManagerService,
  type UnlockRequest,
  type UnlockResponse,
} from '../proto/generated/gantry/v1/manager.ts';
import { unaryMethod } from '../proto/server.ts';
import type { KeyStore, OpenedKeys } from './encryption/key-store.ts';
import { parseUnlockKey } from './encryption/unlock-key.ts';
import { type LocalService, serveLocally } from './local-socket.ts';

type LockedKeys = Extract<OpenedKeys, { readonly state: 'locked' }>;

/** Serves the socket until the right key comes, and returns what it opens. CANCELLED when the signal aborts first. */
export async function waitForUnlock(socketPath: string, locked: LockedKeys, signal: AbortSignal): Promise<KeyStore> {
  const unlocked = Promise.withResolvers<KeyStore>();
  const abort = () => unlocked.reject(new GantryError('CANCELLED', 'the manager was stopped while it was locked'));
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  const server = await serveLocally(socketPath, lockedServices(locked, unlocked.resolve));
  try {
    return await unlocked.promise;
  } finally {
    signal.removeEventListener('abort', abort);
    await server.close();
  }
}

function lockedServices({ unlock }: LockedKeys, onUnlocked: (keys: KeyStore) => void): LocalService[] {
  const health: HealthResponse = { locked: true, leaderNodeId: '', problem: '' };
  const implementation = {
    health: unaryMethod(async () => health),
    unlock: unaryMethod(async ({ unlockKey }: UnlockRequest): Promise<UnlockResponse> => {
      onUnlocked(unlock(parseUnlockKey(unlockKey)));
      return {};
    }),
  };
  return [
    { definition: ManagerService, implementation },
    ...[ControlService, DispatcherService].map((definition) => ({ definition, implementation: refuseAll(definition) })),
  ];
}

interface AnyCall {
  emit(event: 'error', error: unknown): unknown;
}

function refuseAll(definition: ServiceDefinition): UntypedServiceImplementation {
  const refuse = (call: AnyCall, callback?: sendUnaryData<never>): void => {
    const error = toServiceError(lockedError());
    if (callback === undefined) call.emit('error', error);
    else callback(error);
  };
  return Object.fromEntries(Object.keys(definition).map((method) => [method, refuse]));
}

export function lockedError(): GantryError {
  return new GantryError('WRONG_STATE', 'this manager is locked', {
    hint: 'give it the unlock key with "gantry cluster unlock"',
  });
}
