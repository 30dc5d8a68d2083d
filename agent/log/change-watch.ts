/** Wakes up a reader when files in a directory change. */
import { type FSWatcher, watch } from 'node:fs';

/** How often to look where inotify's watches are used up. */
const POLL_MS = 250;

export class ChangeWatch implements Disposable {
  #changed = Promise.withResolvers<void>();
  readonly #stop: () => void;

  constructor(directory: string) {
    this.#stop = startWatch(directory, () => {
      this.#changed.resolve();
    });
  }

  /** A promise of the next change. To be taken before looking, so that no change falls between looking and waiting. */
  next(): Promise<void> {
    this.#changed = Promise.withResolvers<void>();
    return this.#changed.promise;
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}

function startWatch(directory: string, changed: () => void): () => void {
  let watcher: FSWatcher;
  try {
    watcher = watch(directory, { persistent: false });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOSPC' && code !== 'EMFILE') throw error;
    const timer = setInterval(changed, POLL_MS);
    return () => clearInterval(timer);
  }
  watcher.on('change', changed);
  // The directory has been deleted: the reader looks, and finds nothing more.
  watcher.on('error', changed);
  return () => watcher.close();
}
