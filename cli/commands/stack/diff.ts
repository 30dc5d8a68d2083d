/** `stack diff`: what deploying the files would change. Changes nothing. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { withExitCode } from '../../failure.ts';
import { refuseMissingImages } from '../../project/prepare-images.ts';
import { declareSource, readSource, requestDeploy, type SourceOptions } from './deploy-request.ts';
import { hasChanges, type Plan } from './plan-text.ts';
import { declarePlanFormat, type PlanFormat, planOf, showPlan } from './show-plan.ts';

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
    const plan = await readPlan(cli, stackName, options);
    if (!quiet) await showPlan(cli, plan, format);
    if (exitCode && hasChanges(plan)) cli.exitCode = DIFFERS;
  } catch (error) {
    throw exitCode ? withExitCode(error, CANNOT_TELL) : error;
  }
}

async function readPlan(cli: Cli, stackName: string, options: SourceOptions): Promise<Plan> {
  const source = await readSource(cli, stackName, options);
  await refuseMissingImages(cli, source.loaded, source.answers);
  return await withClient(ControlClient, cli, async (control) => {
    const response = await requestDeploy(cli, control, source, { ...options, dryRun: true });
    return planOf(response, source.loaded);
  });
}
