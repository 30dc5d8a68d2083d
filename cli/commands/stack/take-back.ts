/** `stack deploy --rollback`: what has been deployed and doesn't come up is taken back. */
import type { ControlClient, StackDeployResponse } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, complain, printLine } from '../../cli.ts';
import { ask } from '../../connection.ts';
import { CliError, failureText } from '../../failure.ts';
import { changedServices, changeLines } from '../../project/changes.ts';
import type { RolloutFailure } from '../../rollout/failure-report.ts';
import { DEFAULT_TIMEOUT_MS, waitForRollout } from '../../rollout/wait.ts';

export interface FailedDeploy extends Pick<StackDeployResponse, 'version' | 'previousVersion'> {
  readonly stack: string;
  readonly failure: RolloutFailure;
}

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly quiet: boolean;
}

/** Resolves, when the stack is again what it was or can't be, with the error to end with. */
export async function takeBack(
  cli: Cli,
  control: ControlClient,
  failed: FailedDeploy,
  options: WaitOptions,
): Promise<CliError> {
  const { stack, version, previousVersion, failure } = failed;
  const stays = noWayBack(failed);
  if (stays !== undefined) return new CliError(failure.message, { hint: stays });
  await complain(cli, `gantry: ${failure.message}`);
  try {
    await goBack(cli, control, failed, options);
  } catch (error) {
    return new CliError(`stack ${stack} could not be taken back to version ${previousVersion}: ${failureText(error)}`);
  }
  return new CliError(
    `version ${version} of stack ${stack} failed and was taken back: version ${previousVersion} runs again`,
  );
}

/** Why there is none, and what can be done. */
function noWayBack({ stack, version, previousVersion }: FailedDeploy): string | undefined {
  if (version === 0)
    return 'it stays as it is: the managers keep no versions of stacks until all of them are of this release';
  if (previousVersion === 0) {
    return `it stays as it is, since stack ${stack} had no version before; 'gantry stack rm ${stack}' removes it`;
  }
  if (previousVersion !== version) return undefined;
  return `it stays as it is: this deploy changed nothing; 'gantry stack rollback ${stack}' goes back to the version before`;
}

async function goBack(
  cli: Cli,
  control: ControlClient,
  { stack, version, previousVersion }: FailedDeploy,
  { timeoutMs, quiet }: WaitOptions,
): Promise<void> {
  const request = { name: stack, version: previousVersion, dryRun: false, takenBack: version };
  const { changes } = await ask(control, control.stackRollback, request);
  if (!quiet) {
    await printLine(cli, `Going back to version ${previousVersion} of stack ${stack}`);
    for (const line of changeLines(changes)) await printLine(cli, line);
  }
  // How soon the new version was to be there says nothing of how long the way back takes.
  const patienceMs = Math.max(timeoutMs, DEFAULT_TIMEOUT_MS);
  await waitForRollout(cli, control, {
    stack,
    changedServices: changedServices(changes),
    timeoutMs: patienceMs,
    quiet,
  });
}
