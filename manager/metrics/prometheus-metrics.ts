/** A manager's metrics where they are shown. Imported only when somebody wants them. */
import { Counter, Histogram } from 'prom-client';
import type { ErrorCode, GantryError } from '../../proto/errors.ts';
import { addReadings, newRegistry } from '../../proto/metrics/prometheus.ts';
import type { Readiness } from '../../proto/metrics/reading.ts';
import type { Observed } from '../../proto/metrics/server.ts';
import type { ManagerMetrics } from './manager-metrics.ts';
import { type ManagerPhase, readinessOf, type ServingParts } from './phase.ts';
import { managerReadings } from './readings.ts';

/** From a scheduler at rest to a task that has waited for room. */
const WAIT_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export class PrometheusMetrics implements ManagerMetrics, Observed {
  readonly #registry = newRegistry();
  readonly #onError: (error: GantryError) => void;
  readonly #placed: Histogram;
  readonly #placements: Counter;
  readonly #failures: Counter;
  #phase: ManagerPhase = { kind: 'opening' };

  constructor(onError: (error: GantryError) => void) {
    this.#onError = onError;
    const registers = [this.#registry];
    this.#placements = new Counter({
      name: 'gantry_manager_scheduler_placements_total',
      help: 'Tasks that were given a node.',
      registers,
    });
    this.#placed = new Histogram({
      name: 'gantry_manager_scheduler_placement_seconds',
      help: 'From when a task was made to when it had a node.',
      buckets: WAIT_BUCKETS_S,
      registers,
    });
    this.#failures = new Counter({
      name: 'gantry_manager_loop_failures_total',
      help: 'Attempts of a loop that have failed; it tries again.',
      labelNames: ['loop', 'code'],
      registers,
    });
    addReadings(
      this.#registry,
      managerReadings(() => this.#phase),
    );
  }

  locked(): void {
    this.#phase = { kind: 'locked' };
  }

  opening(): void {
    this.#phase = { kind: 'opening' };
  }

  serving(parts: ServingParts): void {
    this.#phase = { kind: 'serving', ...parts };
  }

  placed(waitedMs: number): void {
    this.#placements.inc();
    this.#placed.observe(waitedMs / 1000);
  }

  loopFailed(loop: string, code: ErrorCode): void {
    this.#failures.inc({ loop, code });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  metrics(): Promise<string> {
    return this.#registry.metrics();
  }

  readiness(): Readiness {
    return readinessOf(this.#phase);
  }

  onError(error: GantryError): void {
    this.#onError(error);
  }
}
