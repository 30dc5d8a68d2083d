/** Waiting for a manager's socket: no longer than a delay, and no longer than until the socket is made anew. */
import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Resolves after `delayMs`, or as soon as something happens to the socket's file, if any, or when `signal` aborts. */
export function delayOrSocket(path: string | undefined, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      clearTimeout(timer);
      watcher?.close();
      signal.removeEventListener('abort', settle);
      resolve();
    };
    const timer = setTimeout(settle, delayMs);
    const watcher = path === undefined ? undefined : watchDirectory(path, settle);
    signal.addEventListener('abort', settle, { once: true });
    if (signal.aborted) settle();
  });
}

/** Undefined when it can't be watched (no directory yet, no inotify instance left): then the delay alone decides. */
function watchDirectory(path: string, onSocket: () => void) {
  try {
    const watcher = watch(dirname(path), { persistent: false });
    watcher.on('change', (_event, name) => {
      if (name === basename(path)) onSocket();
    });
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
