/** gantryd as it is watched, or not. */
import type { GantryError } from '../../proto/errors.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import type { ObservedAgent } from './observed-agent.ts';

export interface Observation {
  readonly metrics: AgentMetrics;
  /** Once. Rejects when the address can't be listened on: who asks to be watched would else believe that they are. */
  serve(agent: ObservedAgent, onError: (error: GantryError) => void): Promise<void>;
  close(): Promise<void>;
}
