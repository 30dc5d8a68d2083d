/** Clients that read and write registers through the manager of their host, and keep what they saw and when. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../simulation/prng.ts';
import type { ManagerClient } from './manager-client.ts';
import type { Register, Registers } from './registers.ts';

/** Between two operations, at most. */
const THINK_MS = 60;
/** A manager that is down refuses at once: asking it all the time makes nothing but histories of unknown writes. */
const AFTER_FAILURE_MS = 250;

export interface ClientOptions {
  /** Of its own: the values it writes begin with it. */
  readonly name: string;
  readonly manager: ManagerClient;
  readonly registers: Registers;
  readonly random: Random;
}

/** Resolves when the signal has aborted and the last operation has ended. */
export async function runClient(
  { name, manager, registers, random }: ClientOptions,
  signal: AbortSignal,
): Promise<void> {
  for (let number = 0; !signal.aborted; number += 1) {
    const register = registers.pick(random, performance.now());
    const done = random.chance(0.5)
      ? await write(manager, register, `${name}-${number}`)
      : await read(manager, register);
    await sleep(done ? random.below(THINK_MS) : AFTER_FAILURE_MS);
  }
}

async function write(manager: ManagerClient, register: Register, value: string): Promise<boolean> {
  const invokedMs = performance.now();
  const done = await manager.write(register, value).then(
    () => true,
    () => false,
  );
  const returnedMs = done ? performance.now() : undefined;
  register.history.push({ kind: 'write', value, invokedMs, returnedMs });
  return done;
}

async function read(manager: ManagerClient, register: Register): Promise<boolean> {
  const invokedMs = performance.now();
  try {
    const value = await manager.read(register);
    register.history.push({ kind: 'read', value, invokedMs, returnedMs: performance.now() });
    return true;
  } catch {
    // What wasn't read says nothing.
    return false;
  }
}
