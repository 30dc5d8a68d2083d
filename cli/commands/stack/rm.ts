import type { Command } from 'commander';
import { ControlClient, ObjectKind } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, printLine } from '../../cli.ts';
import { watchCluster } from '../../cluster-watch.ts';
import { ask, withClient } from '../../connection.ts';
import { forEach } from '../../each.ts';
import { failureText } from '../../failure.ts';
import { changeLines } from '../../project/changes.ts';
import { createProgress } from '../../terminal/progress.ts';

interface RemoveOptions {
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<stack...>', 'names of stacks')
    .option('-d, --detach', "don't wait until everything is gone")
    .option('-q, --quiet', 'print only errors')
    .action(async (stacks: string[], options: RemoveOptions) => {
      await withClient(ControlClient, cli, (control) =>
        forEach(cli, stacks, (stack) => removeStack(cli, control, stack, options)),
      );
    });
}

async function removeStack(
  cli: Cli,
  control: ControlClient,
  stack: string,
  { detach = false, quiet = false }: RemoveOptions,
): Promise<string> {
  const { changes } = await ask(control, control.stackRemove, { name: stack });
  if (!quiet) for (const line of changeLines(changes)) await printLine(cli, line);
  if (!detach) await waitUntilGone(cli, control, stack, quiet);
  return '';
}

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
