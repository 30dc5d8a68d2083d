/** Waits until what managers are removing is gone, and says how far each is. */
import { type ControlClient, ObjectKind } from '../../proto/generated/gantry/v1/control.ts';
import { watchCluster } from '../cluster-watch.ts';
import { failureText } from '../failure.ts';
import type { Progress } from '../terminal/progress.ts';
import { isAwaited, RemovalView, type Removed, removalText } from './removal.ts';

const KINDS = [ObjectKind.SERVICE, ObjectKind.TASK, ObjectKind.NETWORK];

/** It goes on whatever becomes of who waits. */
export async function waitUntilGone(
  control: ControlClient,
  stack: string,
  removed: readonly Removed[],
  progress: Progress,
): Promise<void> {
  const awaited = removed.filter(isAwaited);
  if (awaited.length === 0) return;
  const onLost = (error: unknown) =>
    progress.show([{ name: stack, text: `waiting for a manager: ${failureText(error)}` }]);
  const over = new AbortController();
  const view = new RemovalView();
  let synced = false;
  try {
    for await (const event of watchCluster(control, { kinds: KINDS, stack }, { onLost, signal: over.signal })) {
      view.apply(event);
      synced = event.synced || (synced && !event.reset);
      if (!synced) continue;
      const lines = awaited.map((one) => ({
        name: `${one.kind === ObjectKind.NETWORK ? 'network' : 'service'} ${one.name}`,
        text: removalText(one, awaited, view),
      }));
      progress.show(lines);
      if (!awaited.some((one) => view.has(one))) return;
    }
  } finally {
    over.abort();
    progress.end();
  }
}
