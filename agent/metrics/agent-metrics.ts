/** What the parts of gantryd tell whoever counts, while they work. */
export interface AgentMetrics {
  /** A container's process runs, so long after it was to. */
  containerStarted(tookMs: number): void;
  containerStartFailed(): void;
}

const nothing = () => undefined;

/** For gantryds that nobody watches. */
export const NO_METRICS: AgentMetrics = { containerStarted: nothing, containerStartFailed: nothing };
