/** `compose exec`: a command in a container of a service, on whichever node it runs. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { collect, wholeNumber } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { commandExitCode, exitCodeOf, withExitCode } from '../../failure.ts';
import { readEnvironment } from '../../options/pairs.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { runningTaskOf } from '../../project/task-of-service.ts';
import { runSession, terminalSize } from '../../terminal/session.ts';

interface ExecOptions extends ProjectOptions {
  readonly detach?: boolean;
  readonly env: readonly string[];
  readonly index?: number;
  readonly interactive: boolean;
  /** False for -T. */
  readonly tty: boolean;
  readonly privileged?: boolean;
  readonly user?: string;
  readonly workdir?: string;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command)
    .argument('<service>', 'name of a service that runs')
    .argument('<command...>', 'command and its arguments')
    .passThroughOptions()
    .option('-d, --detach', "start it and don't wait")
    .option('-e, --env <name=value>', 'environment variable', collect, [])
    .option('--index <index>', 'which of several containers (default: the first)', wholeNumber('--index'))
    .option('-i, --interactive', 'keep standard input open', true)
    .option('--no-interactive', "don't")
    .option('-T, --no-tty', 'without a terminal (default: with one, where there is one)')
    .option('--privileged', 'give it all capabilities')
    .option('-u, --user <user>', 'user name or id, with :GROUP if wanted')
    .option('-w, --workdir <directory>', 'working directory in the container')
    .action(async (service: string, argv: string[], options: ExecOptions) => {
      try {
        await withClient(ControlClient, cli, (control) => exec(cli, control, service, argv, options));
      } catch (error) {
        throw withExitCode(error, commandExitCode(error) ?? exitCodeOf(error));
      }
    });
}

async function exec(
  cli: Cli,
  control: ControlClient,
  name: string,
  argv: string[],
  options: ExecOptions,
): Promise<void> {
  const { detach = false } = options;
  const task = await runningTaskOf(control, projectName(cli, options), name, options.index);
  const stdin = options.interactive && !detach;
  const tty = options.tty && !detach && cli.stdin.isTTY === true && cli.stdout.isTTY === true;
  const start = {
    reference: task.id,
    argv,
    env: readEnvironment([], options.env, cli.env),
    user: options.user ?? '',
    dir: options.workdir ?? '',
    tty,
    stdin,
    privileged: options.privileged ?? false,
    detach,
    size: terminalSize(cli),
  };
  const { exitCode } = await runSession(control.taskExec(), { $case: 'exec', value: start }, cli, { tty, stdin });
  cli.exitCode = exitCode ?? 0;
}
