/** A manager that waits for the unlock key: it can't read its log, and answers nothing else until somebody gives it. */
import { randomBytes } from 'node:crypto';
import type { ServiceDefinition, sendUnaryData } from '@grpc/grpc-js';
import { errorLine, GantryError, toServiceError } from '../proto/errors.ts';
import { CaService } from '../proto/generated/gantry/v1/ca.ts';
import { ControlService } from '../proto/generated/gantry/v1/control.ts';
import { DispatcherService } from '../proto/generated/gantry/v1/dispatcher.ts';
import {
  type HealthResponse,
  LocalManagerService,
  type UnlockRequest,
  type UnlockResponse,
} from '../proto/generated/gantry/v1/manager.ts';
import { unaryMethod } from '../proto/server.ts';
import { type KeyStore, type OpenedKeys, openKeys } from './encryption/key-store.ts';
import { parseUnlockKey } from './encryption/unlock-key.ts';
import type { ManagerOptions } from './manager-options.ts';
import { serveSocket } from './server.ts';
import type { ManagerService } from './service.ts';

type LockedKeys = Extract<OpenedKeys, { readonly state: 'locked' }>;

/** The keys of the log in `dir`. A locked manager serves its socket until somebody gives the unlock key; CANCELLED when the signal aborts first. */
export async function openKeysOrWait(
  dir: string,
  { socketPath, logger, metrics }: Pick<ManagerOptions, 'socketPath' | 'logger' | 'metrics'>,
  signal: AbortSignal,
): Promise<KeyStore> {
  const opened = openKeys(dir, randomBytes);
  if (opened.state === 'unlocked') return opened.keys;
  logger.warn('locked: waiting for the unlock key');
  metrics.locked();
  const keys = await waitForUnlock(socketPath, opened, signal);
  metrics.opening();
  return keys;
}

async function waitForUnlock(socketPath: string, locked: LockedKeys, signal: AbortSignal): Promise<KeyStore> {
  const unlocked = Promise.withResolvers<KeyStore>();
  const abort = () => unlocked.reject(new GantryError('CANCELLED', 'the manager was stopped while it was locked'));
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  const server = await serveSocket(socketPath, lockedServices(locked, unlocked.resolve));
  try {
    return await unlocked.promise;
  } finally {
    signal.removeEventListener('abort', abort);
    await server.close();
  }
}

function lockedServices({ unlock }: LockedKeys, onUnlocked: (keys: KeyStore) => void): ManagerService[] {
  const health: HealthResponse = { locked: true, leaderNodeId: '', problem: errorLine(lockedError()), autolock: true };
  const implementation = {
    health: unaryMethod(async () => health),
    unlock: unaryMethod(async ({ unlockKey }: UnlockRequest): Promise<UnlockResponse> => {
      onUnlocked(unlock(parseUnlockKey(unlockKey)));
      return {};
    }),
  };
  return [
    { definition: LocalManagerService, implementation, access: 'manager' },
    ...[ControlService, DispatcherService, CaService].map((definition) => refused(definition)),
  ];
}

interface AnyCall {
  emit(event: 'error', error: unknown): unknown;
}

function refused(definition: ServiceDefinition): ManagerService {
  const refuse = (call: AnyCall, callback?: sendUnaryData<never>): void => {
    const error = toServiceError(lockedError());
    if (callback === undefined) call.emit('error', error);
    else callback(error);
  };
  const implementation = Object.fromEntries(Object.keys(definition).map((method) => [method, refuse]));
  return { definition, implementation, access: 'manager' };
}

export function lockedError(): GantryError {
  return new GantryError('WRONG_STATE', 'this manager is locked', {
    hint: 'give it the unlock key with "gantry cluster unlock"',
  });
}
