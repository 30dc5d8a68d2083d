/** What is the same when it is asked for twice is asked for again while the cluster gets another leader. */
import { setTimeout as delay } from 'node:timers/promises';
import { brokenConnection, isGantryError } from '../failure.ts';

/** An election takes a second or two, and a manager that is started again some more. */
const PATIENCE_MS = 15_000;
const RETRY_MS = 300;

/**
 * `onLost` is called when the answer, or the connection, was lost for the first time: what was asked for may have been done. Rejects
 * at once where nobody listens from the beginning.
 */
export async function askPatiently<T>(question: () => Promise<T>, onLost: (error: Error) => Promise<void>): Promise<T> {
  let patientUntilMs: number | undefined;
  for (;;) {
    try {
      return await question();
    } catch (error) {
      if (!isGantryError(error) || error.code !== 'UNAVAILABLE') throw error;
      if (patientUntilMs === undefined) {
        if (isNobodyThere(error)) throw error;
        patientUntilMs = performance.now() + PATIENCE_MS;
        await onLost(error);
      } else if (performance.now() > patientUntilMs) throw error;
    }
    await delay(RETRY_MS);
  }
}

function isNobodyThere(error: Error): boolean {
  return /No connection established|ENOENT|ECONNREFUSED/.test(brokenConnection(error) ?? '');
}
