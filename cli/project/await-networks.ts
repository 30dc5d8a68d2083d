/** A host hears of the cluster's networks a moment after they are made: containers of no task can be on them from then on. */
import { setTimeout as delay } from 'node:timers/promises';
import type { EngineClient } from '../../proto/generated/gantry/v1/engine.ts';
import { ask } from '../connection.ts';
import { isGantryError } from '../failure.ts';

const LONGEST_MS = 5000;
const LOOK_MS = 50;

/** Resolves when the host knows them all; or after a while, when whoever needs them says what is missing. */
export async function awaitNetworks(engine: EngineClient, names: readonly string[]): Promise<void> {
  const endMs = performance.now() + LONGEST_MS;
  for (const reference of names) {
    while (!(await isKnown(engine, reference)) && performance.now() < endMs) await delay(LOOK_MS);
  }
}

async function isKnown(engine: EngineClient, reference: string): Promise<boolean> {
  try {
    await ask(engine, engine.localNetworkInspect, { reference });
    return true;
  } catch (error) {
    if (isGantryError(error) && error.code === 'NOT_FOUND') return false;
    throw error;
  }
}
