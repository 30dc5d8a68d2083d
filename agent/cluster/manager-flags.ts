/**
 * What Node is told for a manager, so that no turn of its event loop is long, whatever lies in the store:
 * - what a transaction throws away dies young, and the large heap of what stays is marked less often (4 MiB instead of
 *   the 1 MiB that an agent has);
 * - buffers count towards the heap's own limits. Without that, 64 MiB of them more than at the last collection, which a
 *   snapshot soon is, make each further one, however small, mark for 5 ms before it is made.
 */
export const MANAGER_FLAGS: readonly string[] = [
  '--max-semi-space-size=4',
  '--v8-pool-size=1',
  '--external-memory-accounted-in-global-limit',
];
