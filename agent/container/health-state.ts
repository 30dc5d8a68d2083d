/** A container's health, as Docker judges it: a pure state machine over the results of probes. */
import { HealthStatus } from '../../proto/generated/gantry/v1/engine.ts';
import type { Healthcheck } from '../../proto/generated/gantry/v1/types.ts';

const DEFAULT_INTERVAL_MS = 30_000;
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_START_INTERVAL_MS = 5_000;
const DEFAULT_RETRIES = 3;

/** A healthcheck with every blank filled in. */
export interface HealthPlan {
  readonly argv: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
}

export interface HealthState {
  readonly status: HealthStatus;
  readonly failingStreak: number;
  /** Of the last probe. */
  readonly output: string;
}

export interface ProbeResult {
  readonly healthy: boolean;
  /** Since the container's start, when the probe began. */
  readonly startedAfterMs: number;
  readonly output: string;
}

export const NO_HEALTH: HealthState = { status: HealthStatus.NONE, failingStreak: 0, output: '' };
export const STARTING: HealthState = { status: HealthStatus.STARTING, failingStreak: 0, output: '' };

/**
 * The container's healthcheck over the image's: fields that are unset are the image's, those that neither has are
 * Docker's. Undefined: there is none, or it is turned off. `shell`: the image's, for CMD-SHELL.
 */
export function healthPlan(
  own: Healthcheck | undefined,
  image: Healthcheck | undefined,
  shell: readonly string[],
): HealthPlan | undefined {
  const test = own !== undefined && own.test.length > 0 ? own.test : (image?.test ?? []);
  const argv = probeArgv(test, shell.length > 0 ? shell : ['/bin/sh', '-c']);
  if (argv === undefined) return undefined;
  const pick = (key: Exclude<keyof Healthcheck, 'test'>, fallback: number) => own?.[key] || image?.[key] || fallback;
  return {
    argv,
    intervalMs: pick('intervalMs', DEFAULT_INTERVAL_MS),
    timeoutMs: pick('timeoutMs', DEFAULT_TIMEOUT_MS),
    retries: pick('retries', DEFAULT_RETRIES),
    startPeriodMs: pick('startPeriodMs', 0),
    startIntervalMs: pick('startIntervalMs', DEFAULT_START_INTERVAL_MS),
  };
}

function probeArgv([kind, ...rest]: readonly string[], shell: readonly string[]): readonly string[] | undefined {
  if (kind === 'CMD' && rest.length > 0) return rest;
  if (kind === 'CMD-SHELL' && rest.length > 0) return [...shell, ...rest];
  return undefined;
}

/** In the start period failures don't count until the first success; after it one success makes healthy. */
export function afterProbe(state: HealthState, plan: HealthPlan, result: ProbeResult): HealthState {
  const { output } = result;
  if (result.healthy) return { status: HealthStatus.HEALTHY, failingStreak: 0, output };
  const forgiven = state.status === HealthStatus.STARTING && result.startedAfterMs < plan.startPeriodMs;
  if (forgiven) return { ...state, output };
  const failingStreak = state.failingStreak + 1;
  const status = failingStreak >= plan.retries ? HealthStatus.UNHEALTHY : state.status;
  return { status, failingStreak, output };
}

/** How long to wait before the next probe. `runningMs`: since the container's start. */
export function nextProbeDelay(state: HealthState, plan: HealthPlan, runningMs: number): number {
  const starting = state.status === HealthStatus.STARTING && runningMs < plan.startPeriodMs;
  return starting ? plan.startIntervalMs : plan.intervalMs;
}
