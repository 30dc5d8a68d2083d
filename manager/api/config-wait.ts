/** What a node says of itself is a moment behind: a config-only network that has just been made is waited for. */
import type { Store } from '../store/store.ts';

const LONGEST_MS = 2000;

/** Resolves when a node has it, or none has had it for so long that there is none. */
export async function awaitConfig(store: Store, name: string, signal: AbortSignal): Promise<void> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)]);
  const isThere = () =>
    store
      .view((read) => read.find('node', { by: 'all' }))
      .some(({ description }) => description.networkConfigs.some((config) => config.name === name));
  const watch = store.watch({ kinds: ['node'] });
  try {
    while (!isThere() && !over.aborted) {
      await watch.changed(over);
      watch.take();
    }
  } finally {
    watch.close();
  }
}
