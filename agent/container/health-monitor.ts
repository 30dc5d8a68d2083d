/** Probes a running container again and again, and tells what that makes of its health. */
import { afterProbe, type HealthPlan, type HealthState, nextProbeDelay } from './health-state.ts';

export interface ProbeOutcome {
  readonly healthy: boolean;
  readonly output: string;
}

/** Runs the check once; rejects only when it couldn't be run at all. Ends early when the signal aborts. */
export type Probe = (plan: HealthPlan, signal: AbortSignal) => Promise<ProbeOutcome>;

export interface HealthMonitorOptions {
  readonly plan: HealthPlan;
  readonly startedAtMs: number;
  /** As far as it is known: of before a restart of gantryd. */
  readonly state: HealthState;
  readonly now: () => number;
  readonly probe: Probe;
  /** After each probe. */
  readonly onState: (state: HealthState) => void;
}

export class HealthMonitor {
  readonly #options: HealthMonitorOptions;
  readonly #stopped = new AbortController();
  #state: HealthState;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HealthMonitorOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  start(): void {
    const { plan } = this.#options;
    this.#timer = setTimeout(() => void this.#probe(), nextProbeDelay(this.#state, plan, this.#runningMs()));
  }

  /** A probe under way is cut off, and its result not told. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#stopped.abort();
  }

  async #probe(): Promise<void> {
    const { plan, onState } = this.#options;
    const startedAfterMs = this.#runningMs();
    const outcome = await this.#outcome();
    if (this.#stopped.signal.aborted) return;
    this.#state = afterProbe(this.#state, plan, { ...outcome, startedAfterMs });
    onState(this.#state);
    this.start();
  }

  /** A check that can't be run is one that fails, and says why. */
  async #outcome(): Promise<ProbeOutcome> {
    try {
      return await this.#options.probe(this.#options.plan, this.#stopped.signal);
    } catch (error) {
      return { healthy: false, output: error instanceof Error ? error.message : String(error) };
    }
  }

  #runningMs(): number {
    return this.#options.now() - this.#options.startedAtMs;
  }
}
