/** gantryd's metrics, if it is to have any. */
import { NO_METRICS } from './agent-metrics.ts';
import type { Observation } from './observation.ts';

const UNOBSERVED: Observation = {
  metrics: NO_METRICS,
  serve: async () => undefined,
  close: async () => undefined,
};

/** `address`: IP:PORT, or empty for none. */
export async function makeObservation(address: string): Promise<Observation> {
  if (address === '') return UNOBSERVED;
  const { PrometheusObservation } = await import('./prometheus-observation.ts');
  return new PrometheusObservation(address);
}
