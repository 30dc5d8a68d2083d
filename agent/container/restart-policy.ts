/**
 * When a container is started again by itself: Docker's restart policies and its back-off. Pure.
 * Source: Docker's "Start containers automatically".
 */
import { LocalRestart } from '../../proto/generated/gantry/v1/engine.ts';

const FIRST_DELAY_MS = 100;
const MAXIMUM_DELAY_MS = 60_000;
/** A run this long counts as a success: the next back-off starts anew. */
const STEADY_RUN_MS = 10_000;

/** Who stopped it last; nobody: it ended by itself. */
export type StoppedBy = 'nobody' | 'user' | 'system';

export interface RestartPolicy {
  readonly restart: LocalRestart;
  /** Of on-failure; 0: no bound. */
  readonly maxAttempts: number;
}

export interface EndedRun extends RestartPolicy {
  readonly stoppedBy: StoppedBy;
  readonly exitCode: number;
  /** Restarts since the user's last start. */
  readonly restartCount: number;
  readonly ranMs: number;
  /** Before this run; 0 for none. */
  readonly lastDelayMs: number;
}

export type RestartDecision = { readonly kind: 'stay' } | { readonly kind: 'restart'; readonly delayMs: number };

export function decideRestart(run: EndedRun): RestartDecision {
  if (run.stoppedBy !== 'nobody' || !wantsRestart(run)) return { kind: 'stay' };
  return { kind: 'restart', delayMs: nextDelay(run) };
}

function wantsRestart({ restart, maxAttempts, exitCode, restartCount }: EndedRun): boolean {
  switch (restart) {
    case LocalRestart.ALWAYS:
    case LocalRestart.UNLESS_STOPPED:
      return true;
    case LocalRestart.ON_FAILURE:
      return exitCode !== 0 && (maxAttempts === 0 || restartCount < maxAttempts);
    default:
      return false;
  }
}

function nextDelay({ ranMs, lastDelayMs }: EndedRun): number {
  if (lastDelayMs === 0 || ranMs >= STEADY_RUN_MS) return FIRST_DELAY_MS;
  return Math.min(lastDelayMs * 2, MAXIMUM_DELAY_MS);
}

/**
 * Whether a container that isn't running is started when gantryd is. After `system stop` or a boot of the host
 * "always" comes up whoever stopped it, "unless-stopped" unless a user did. A restart of gantryd alone is no event.
 */
export function startsWithHost(restart: LocalRestart, stoppedBy: StoppedBy, booted: boolean): boolean {
  if (stoppedBy === 'system') return restart === LocalRestart.ALWAYS || restart === LocalRestart.UNLESS_STOPPED;
  return booted && restart === LocalRestart.ALWAYS && stoppedBy === 'user';
}
