/** The cluster's state and then its changes, also when the manager that tells them goes away meanwhile. */
import { setTimeout as delay } from 'node:timers/promises';
import { responses } from '../proto/client.ts';
import type { ControlClient, WatchEvent, WatchRequest } from '../proto/generated/gantry/v1/control.ts';
import { isGantryError } from './failure.ts';

export interface Subject {
  readonly kinds: WatchRequest['kinds'];
  /** Empty: all. */
  readonly stack: string;
}

export interface WatchOptions {
  /** The watch is broken off and will be tried again. */
  readonly onLost?: (error: unknown) => void;
  readonly signal?: AbortSignal;
  /** Milliseconds in which there must be a first answer; 0, the default: at once. */
  readonly patienceMs?: number;
}

const RETRY_MS = 200;
/** A cluster that elects a leader takes a second or two; one that is silent for so long has another problem. */
const PATIENCE_MS = 30_000;

/**
 * Goes on where it was when another manager takes over. `reset` tells that it couldn't: what came before doesn't count,
 * and the present state follows. Ends when the signal aborts. Throws when no manager can be reached, at the beginning
 * when it can't within `patienceMs`, later after half a minute.
 */
export async function* watchCluster(
  control: ControlClient,
  subject: Subject,
  { onLost, signal = new AbortController().signal, patienceMs = 0 }: WatchOptions = {},
): AsyncGenerator<WatchEvent, void, undefined> {
  const progress: Progress = { revision: 0, patientUntilMs: performance.now() + patienceMs };
  while (!signal.aborted) {
    try {
      yield* watchOnce(control, subject, progress, signal);
    } catch (error) {
      if (signal.aborted) return;
      progress.patientUntilMs ??= performance.now() + PATIENCE_MS;
      if (!isLost(error) || performance.now() > progress.patientUntilMs) throw error;
      onLost?.(error);
    }
    await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}

interface Progress {
  /** That everything has been told of; 0: not even the first state. */
  revision: number;
  /** Undefined while events come. */
  patientUntilMs: number | undefined;
}

async function* watchOnce(
  control: ControlClient,
  subject: Subject,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent, void, undefined> {
  const call = control.watch({ ...subject, fromRevision: progress.revision });
  const cancel = () => call.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const event of responses(call)) {
      progress.patientUntilMs = undefined;
      // Until the new state is complete, there is nothing to go on from.
      if (event.reset) progress.revision = 0;
      if (event.revision > 0) progress.revision = event.revision;
      yield event;
    }
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** The connection broke, or what answered can't do so for the moment; not an answer that would be the same again. */
export function isLost(error: unknown): boolean {
  return isGantryError(error) && (error.temporary || error.cause !== undefined);
}
