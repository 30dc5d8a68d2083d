/** gantryd's metrics, if it is to have any. */
import type { GantryError } from '../../proto/errors.ts';
import { type AgentMetrics, NO_METRICS } from './agent-metrics.ts';
import type { ObservedAgent } from './observed-agent.ts';

export interface Observation {
  readonly metrics: AgentMetrics;
  /** Once. Rejects when the address can't be listened on: who asks to be watched would else believe that they are. */
  serve(agent: ObservedAgent, onError: (error: GantryError) => void): Promise<void>;
  close(): Promise<void>;
}

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
