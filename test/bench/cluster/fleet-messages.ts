/** What the benchmark and a process full of agents say to each other. */

export interface FleetOrder {
  readonly agents: number;
  /** Of the first agent's host name; the others count on. */
  readonly firstNumber: number;
  /** IP:PORT of the manager that lets them join. */
  readonly manager: string;
  readonly token: string;
}

export type FleetMessage =
  /** All have certificates. */
  { readonly kind: 'joined'; readonly ms: number } | { readonly kind: 'news'; readonly news: FleetNews };

/** What has happened since the last news. */
export interface FleetNews {
  /** Agents that have a session now, and sessions that had ended. */
  readonly connected: number;
  readonly broken: number;
  /** From each task's creation to its arrival at its agent, in milliseconds. */
  readonly arrivalsMs: readonly number[];
  /** Tasks that run now, and the most that any agent runs. */
  readonly running: number;
  readonly mostOnOne: number;
  /** The longest that this process itself was late, which is in the times above. */
  readonly longestDelayMs: number;
}
