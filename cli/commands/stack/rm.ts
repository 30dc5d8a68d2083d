import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, complain, printLine } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { forEach } from '../../each.ts';
import { EXIT } from '../../failure.ts';
import { changeLines } from '../../project/changes.ts';
import { tasksOfStack, waitUntilContainersGone } from '../../rollout/containers-gone.ts';
import { waitUntilGone } from '../../rollout/wait-gone.ts';
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
  const tasks = detach ? [] : await tasksOfStack(control, stack);
  const { changes, networksInUse } = await ask(control, control.stackRemove, { name: stack });
  if (!quiet) for (const line of changeLines(changes)) await printLine(cli, line);
  if (!detach) await waitUntilGone(control, stack, changes, createProgress(cli.stdout, quiet));
  await waitUntilContainersGone(cli, control, tasks);
  for (const { name, users } of networksInUse) {
    const hint = `take it off the network, and run 'gantry stack rm ${stack}' again`;
    await complain(cli, `gantry: network ${name} is in use by ${users.join(', ')}; ${hint}`);
    cli.exitCode = EXIT.failed;
  }
  return '';
}
