/** Trying again what may succeed later: with back-off, jitter, and as long as a registry asks for. */
import { setTimeout as delay } from 'node:timers/promises';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import { RegistryRefusal } from './refusal.ts';

/** Time and chance, given so that tests needn't wait. */
export interface RetryClock {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** From 0 to 1. */
  readonly chance: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export const REAL_CLOCK: RetryClock = {
  now: Date.now,
  chance: Math.random,
  sleep: async (ms, signal) => {
    await delay(ms, undefined, { signal });
  },
};

/** Docker's number. */
const MOST_FAILURES = 5;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A registry that wants to be left alone for longer has a reason, such as a used-up quota, that a user must know. */
const LONGEST_WAIT_MS = 60_000;

export interface RetryOptions {
  readonly clock: RetryClock;
  readonly signal: AbortSignal;
  /** Told before each pause. */
  readonly onRetry?: (pauseMs: number, error: GantryError) => void;
  /** True when there was progress since it was asked last: then failures are counted from the first again. */
  readonly progressed?: () => boolean;
  /** In a row; without it, Docker's number. */
  readonly mostFailures?: number;
}

/** `work` until it succeeds, or fails for good or for the fifth time in a row. Its last error is thrown. */
export async function withRetries<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  let failures = 0;
  for (;;) {
    try {
      return await work();
    } catch (thrown) {
      const error = toGantryError(thrown);
      if (options.signal.aborted || !error.temporary || error.code === 'CANCELLED') throw error;
      failures = options.progressed?.() ? 1 : failures + 1;
      const pauseMs = pauseAfter(error, failures, options.clock.chance);
      if (failures >= (options.mostFailures ?? MOST_FAILURES) || pauseMs === undefined) throw error;
      options.onRetry?.(pauseMs, error);
      await pause(pauseMs, options);
    }
  }
}

/** Undefined where trying again is of no use. */
export function pauseAfter(error: GantryError, failures: number, chance: () => number): number | undefined {
  const asked = error instanceof RegistryRefusal ? error.retryAfterMs : undefined;
  if (asked !== undefined && asked > LONGEST_WAIT_MS) return undefined;
  const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
  // At least half, so that a registry gets its rest; the other half by chance, so that not all come back at once.
  return Math.round(full / 2 + (full / 2) * chance()) + (asked ?? 0);
}

async function pause(ms: number, { clock, signal }: RetryOptions): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new GantryError('CANCELLED', 'cancelled while waiting to try again', { cause });
  }
}
