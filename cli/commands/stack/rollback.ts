import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, printLine } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { duration } from '../../options/limits.ts';
import { changedServices, changeLines } from '../../project/changes.ts';
import { DEFAULT_TIMEOUT_MS, waitForRollout } from '../../rollout/wait.ts';
import { showPlan } from './show-plan.ts';

interface RollbackOptions {
  readonly detach?: boolean;
  readonly dryRun?: boolean;
  readonly quiet?: boolean;
  readonly timeout: number;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<stack>', 'name of the stack')
    .argument('[version]', "one that 'gantry stack history' lists (default: the one before the present one)")
    .option('-d, --detach', "don't wait until everything runs")
    .option('--timeout <duration>', 'longest time to wait (default: 5m)', duration('--timeout'), DEFAULT_TIMEOUT_MS)
    .option('-q, --quiet', 'print only errors')
    .option('--dry-run', 'show what would change, and change nothing')
    .action((stack: string, version: string | undefined, options: RollbackOptions) =>
      rollBack(cli, stack, versionNumber(version), options),
    );
}

const OF_NO_FILE = { leftOverServices: [], builtServices: [] };

/** 0: the one before the present one. */
function versionNumber(text: string | undefined): number {
  if (text === undefined) return 0;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new CliError(`invalid version "${text}"`, { hint: "write a number that 'gantry stack history' lists" });
}

async function rollBack(cli: Cli, name: string, version: number, options: RollbackOptions): Promise<void> {
  const { detach = false, dryRun = false, quiet = false, timeout: timeoutMs } = options;
  await withClient(ControlClient, cli, async (control) => {
    const done = await ask(control, control.stackRollback, { name, version, dryRun, takenBack: 0 });
    if (!quiet) await printLine(cli, `Going back to version ${done.version} of stack ${name}`);
    if (dryRun) return quiet ? undefined : await showPlan(cli, { changes: done.changes, ...OF_NO_FILE });
    if (!quiet) for (const line of changeLines(done.changes)) await printLine(cli, line);
    if (detach) return;
    await waitForRollout(cli, control, {
      stack: name,
      changedServices: changedServices(done.changes),
      timeoutMs,
      quiet,
    });
  });
}
