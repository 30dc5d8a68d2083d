import type { Command } from 'commander';
import { ControlClient, type StackDeployResponse } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, printLine } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { CliError, EXIT } from '../../failure.ts';
import { duration } from '../../options/limits.ts';
import { changedServices, changeLines } from '../../project/changes.ts';
import { prepareImages } from '../../project/prepare-images.ts';
import { StopSignals } from '../../project/stop-signals.ts';
import { RolloutFailure } from '../../rollout/failure-report.ts';
import { DEFAULT_TIMEOUT_MS, WaitInterrupted, waitForRollout } from '../../rollout/wait.ts';
import { declareSource, readPlan, readSource, requestDeploy, type SourceOptions } from './deploy-request.ts';
import { declarePlanFormat, type PlanFormat, showPlan } from './show-plan.ts';
import { takeBack } from './take-back.ts';

interface DeployOptions extends SourceOptions {
  readonly detach?: boolean;
  readonly dryRun?: boolean;
  readonly format?: PlanFormat;
  readonly quiet?: boolean;
  readonly rollback?: boolean;
  readonly timeout: number;
}

export function define(command: Command, cli: Cli): void {
  declarePlanFormat(declareSource(command))
    .option('-d, --detach', "don't wait until everything runs")
    .option('--timeout <duration>', 'longest time to wait (default: 5m)', duration('--timeout'), DEFAULT_TIMEOUT_MS)
    .option('--rollback', 'go back to the version before when it fails, or takes longer than --timeout')
    .option('-q, --quiet', 'print only errors')
    .option('--dry-run', "show what would change, as 'stack diff' does, and change nothing")
    .action((stackName: string, options: DeployOptions) =>
      options.dryRun ? dryRun(cli, stackName, options) : deploy(cli, stackName, options),
    );
}

async function dryRun(cli: Cli, stackName: string, options: DeployOptions): Promise<void> {
  const source = await readSource(cli, stackName, options);
  const plan = await readPlan(cli, source, options);
  if (!options.quiet) await showPlan(cli, plan, options.format);
}

async function deploy(cli: Cli, stackName: string, options: DeployOptions): Promise<void> {
  const { quiet = false } = options;
  refuseContradictions(options);
  const source = await readSource(cli, stackName, options);
  const answers = await prepareImages(cli, source.loaded, source.answers, quiet);
  await withClient(ControlClient, cli, async (control) => {
    const response = await requestDeploy(cli, control, { ...source, answers }, { ...options, dryRun: false });
    if (!quiet) for (const line of changeLines(response.changes)) await printLine(cli, line);
    if (!options.detach) await follow(cli, control, stackName, response, options);
  });
}

function refuseContradictions({ detach, rollback, format }: DeployOptions): void {
  const refused = (message: string, hint: string) => new CliError(message, { hint, exitCode: EXIT.refused });
  if (format !== undefined) throw refused('--format is for --dry-run', 'leave it out');
  if (detach && rollback) throw refused('--rollback waits for the outcome, --detach does not', 'leave one of them out');
}

async function follow(
  cli: Cli,
  control: ControlClient,
  stack: string,
  { changes, version, previousVersion }: StackDeployResponse,
  { timeout: timeoutMs, quiet = false, rollback = false }: DeployOptions,
): Promise<void> {
  const signals = new StopSignals();
  const { interrupted: signal } = signals;
  const wait = { stack, changedServices: changedServices(changes), timeoutMs, quiet, signal };
  try {
    await waitForRollout(cli, control, wait);
  } catch (error) {
    if (error instanceof WaitInterrupted) throw interruption(stack, rollback);
    if (!rollback || !(error instanceof RolloutFailure)) throw error;
    signals.close();
    throw await takeBack(cli, control, { stack, version, previousVersion, failure: error }, { timeoutMs, quiet });
  } finally {
    signals.close();
  }
}

/** As a shell tells of a command that was interrupted. */
const INTERRUPTED = 130;

function interruption(stack: string, rollback: boolean): CliError {
  const goesOn = `interrupted: the deploy of stack ${stack} goes on${rollback ? ', and is not taken back if it fails' : ''}`;
  return new CliError(goesOn, {
    hint: `'gantry stack ps ${stack}' shows how far it is, 'gantry stack rollback ${stack}' goes back`,
    exitCode: INTERRUPTED,
  });
}
