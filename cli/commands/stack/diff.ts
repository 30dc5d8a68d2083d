/** `stack diff`: what deploying the files would change. Changes nothing. */
import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExitCode } from '../../failure.ts';
import { declareSource, readPlan, readSource, type SourceOptions } from './deploy-request.ts';
import { hasChanges, type Plan } from './plan-text.ts';
import { declarePlanFormat, type PlanFormat, showPlan } from './show-plan.ts';

interface DiffOptions extends SourceOptions {
  readonly exitCode?: boolean;
  readonly format?: PlanFormat;
  readonly quiet?: boolean;
}

/** As of `git diff --exit-code`, where 1 says that there is a difference. */
const DIFFERS = 1;
const CANNOT_TELL = 2;

export function define(command: Command, cli: Cli): void {
  declarePlanFormat(declareSource(command))
    .option(
      '--exit-code',
      `exit with ${DIFFERS} when something would change, and with ${CANNOT_TELL} when that can't be told`,
    )
    .option('-q, --quiet', 'print nothing; with --exit-code')
    .action((stackName: string, options: DiffOptions) => diff(cli, stackName, options));
}

async function diff(cli: Cli, stackName: string, options: DiffOptions): Promise<void> {
  const { exitCode = false, quiet = false, format } = options;
  try {
    const plan = await readPlan(cli, await readSource(cli, stackName, options), options);
    if (!quiet) await showPlan(cli, plan, format);
    if (exitCode) cli.exitCode = exitCodeOf(plan);
  } catch (error) {
    throw exitCode ? withExitCode(error, CANNOT_TELL) : error;
  }
}

/** What would be built may come to be what it is, or another image. */
function exitCodeOf(plan: Plan): number {
  if (hasChanges(plan)) return DIFFERS;
  return plan.builtServices.length > 0 ? CANNOT_TELL : 0;
}
