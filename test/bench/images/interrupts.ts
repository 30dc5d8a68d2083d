/** Ctrl-C in the middle of a bench: what it has made is removed, as when it fails. */

/** Runs `work` until it ends or the process is told to end; `remove` comes after it in any case. */
export async function removingAlways(work: () => Promise<void>, remove: () => Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (signal: NodeJS.Signals) => reject(new Error(`ended by ${signal}`));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  try {
    await Promise.race([work(), promise]);
  } finally {
    await remove();
  }
}
