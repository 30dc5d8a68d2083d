/** Waiting for a condition instead of for a time. */

const SHORTEST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 200;

/**
 * Asks until `check` returns something other than undefined and false. Fails naming `what` after `timeoutMs`. The longer it takes
 * the longer are the pauses: a look is often a process, and many waiting at once would take the time from what they wait for.
 */
export async function until<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 20_000,
): Promise<T> {
  const began = Date.now();
  let lastError: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    const elapsedMs = Date.now() - began;
    if (elapsedMs > timeoutMs) throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause: lastError });
    const pauseMs = Math.min(Math.max(elapsedMs / 10, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
