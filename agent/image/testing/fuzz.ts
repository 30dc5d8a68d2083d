/** How much property tests try: little in CI, always the same; as much as is wished by hand, and something else each time. */

/** Times what is tried in CI: GANTRY_FUZZ=1000 npm test -- agent/image/tar */
const EFFORT = Number(process.env.GANTRY_FUZZ ?? 1);

/** Parameters for fc.assert. */
export function fuzz(runs: number, seed: number): { readonly numRuns: number; readonly seed: number } {
  return { numRuns: runs * EFFORT, seed: EFFORT === 1 ? seed : Date.now() };
}

/** For tests that take longer then. */
export const FUZZ_TIMEOUT_MS: number = 20_000 * EFFORT;
