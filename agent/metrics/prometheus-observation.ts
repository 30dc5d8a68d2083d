/** gantryd's metrics where they are shown. Imported only when somebody wants them. */
import { Counter, Histogram } from 'prom-client';
import type { GantryError } from '../../proto/errors.ts';
import { addReadings, newRegistry } from '../../proto/metrics/prometheus.ts';
import { type MetricsServer, type Observed, serveMetrics } from '../../proto/metrics/server.ts';
import { UsageReader } from '../usage/usage-reader.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import { renderUsage } from './container-metrics.ts';
import type { Observation } from './observation.ts';
import { type ObservedAgent, readinessOf } from './observed-agent.ts';
import { agentReadings } from './readings.ts';

const OPTION = '--metrics-addr';

/** From a small image on a fast disk to one with networks, volumes and a slow one. */
const START_BUCKETS_S = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export class PrometheusObservation implements Observation {
  readonly #address: string;
  readonly #registry = newRegistry();
  readonly #usage = new UsageReader();
  #server: MetricsServer | undefined;
  readonly metrics: AgentMetrics;

  constructor(address: string) {
    this.#address = address;
    const registers = [this.#registry];
    const starts = new Counter({
      name: 'gantry_agent_container_starts_total',
      help: 'Containers whose process was started.',
      registers,
    });
    const failures = new Counter({
      name: 'gantry_agent_container_start_failures_total',
      help: 'Containers whose process could not be started.',
      registers,
    });
    const seconds = new Histogram({
      name: 'gantry_agent_container_start_seconds',
      help: 'From when a container was to start to when its process ran.',
      buckets: START_BUCKETS_S,
      registers,
    });
    this.metrics = {
      containerStarted: (tookMs) => {
        starts.inc();
        seconds.observe(tookMs / 1000);
      },
      containerStartFailed: () => failures.inc(),
    };
  }

  async serve(agent: ObservedAgent, onError: (error: GantryError) => void): Promise<void> {
    addReadings(this.#registry, agentReadings(agent));
    const observed: Observed = {
      metrics: async () => `${await this.#registry.metrics()}\n${await this.#containerMetrics(agent)}`,
      contentType: this.#registry.contentType,
      readiness: () => readinessOf(agent),
      onError,
    };
    this.#server = await serveMetrics(this.#address, OPTION, observed);
  }

  async #containerMetrics({ containers, isOpen }: ObservedAgent): Promise<string> {
    if (!isOpen()) return '';
    return renderUsage(await this.#usage.read(await containers.list({ all: false, filters: [] })));
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}
