/** Waits until nothing is left of a stack. */
import { type ControlClient, ObjectKind } from '../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../cli.ts';
import { watchCluster } from '../cluster-watch.ts';
import { failureText } from '../failure.ts';
import { createProgress } from '../terminal/progress.ts';

/** Tasks are shut down first, then their services and networks go. */
export async function waitUntilGone(cli: Cli, control: ControlClient, stack: string, quiet: boolean): Promise<void> {
  const progress = createProgress(cli.stdout, quiet);
  const present = new Map<string, string>();
  let synced = false;
  const kinds = [ObjectKind.SERVICE, ObjectKind.TASK, ObjectKind.NETWORK];
  const onLost = (error: unknown) =>
    progress.show([{ name: stack, text: `waiting for a manager: ${failureText(error)}` }]);
  for await (const { object, removed, reset, synced: complete } of watchCluster(
    control,
    { kinds, stack },
    { onLost },
  )) {
    if (reset) {
      present.clear();
      synced = false;
    }
    if (object !== undefined && removed) present.delete(object.value.id);
    else if (object !== undefined) present.set(object.value.id, object.$case);
    synced ||= complete;
    if (!synced) continue;
    if (present.size === 0) break;
    progress.show([{ name: stack, text: `waiting for ${remaining(present.values())}` }]);
  }
  progress.show([{ name: stack, text: 'removed' }]);
  progress.end();
}

/** "2 tasks, 1 network" */
function remaining(kinds: Iterable<string>): string {
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${count} ${kind}${count === 1 ? '' : 's'}`).join(', ');
}
