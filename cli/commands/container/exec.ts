import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { collect } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { commandExitCode, exitCodeOf, withExitCode } from '../../failure.ts';
import { readEnvironment } from '../../options/pairs.ts';
import { type DetachOptions, declareDetachKeys, foreground } from '../../options/session-options.ts';
import { requireTerminal, runSession, terminalSize } from '../../terminal/session.ts';

interface ExecOptions extends DetachOptions {
  readonly detach?: boolean;
  readonly env: readonly string[];
  readonly envFile: readonly string[];
  readonly interactive?: boolean;
  readonly privileged?: boolean;
  readonly tty?: boolean;
  readonly user?: string;
  readonly workdir?: string;
}

export function define(command: Command, cli: Cli): void {
  declareDetachKeys(command)
    .argument('<container>', 'name or id of a running container')
    .argument('<command...>', 'command and its arguments')
    .passThroughOptions()
    .option('-d, --detach', "start it and don't wait")
    .option('-i, --interactive', 'keep standard input open')
    .option('-t, --tty', 'give it a terminal')
    .option('-e, --env <name=value>', 'environment variable', collect, [])
    .option('--env-file <file>', 'file of environment variables', collect, [])
    .option('-u, --user <user>', 'user name or id, with :GROUP if wanted')
    .option('-w, --workdir <directory>', 'working directory in the container')
    .option('--privileged', 'give it all capabilities')
    .action(async (container: string, argv: string[], options: ExecOptions) => {
      try {
        await withClient(EngineClient, cli, (engine) => runExec(engine, cli, container, argv, options));
      } catch (error) {
        throw withExitCode(error, commandExitCode(error) ?? exitCodeOf(error));
      }
    });
}

async function runExec(
  engine: EngineClient,
  cli: Cli,
  reference: string,
  argv: string[],
  options: ExecOptions,
): Promise<void> {
  const detach = options.detach ?? false;
  const session = {
    tty: options.tty ?? false,
    stdin: (options.interactive ?? false) && !detach,
    ...foreground(options),
  };
  requireTerminal(cli, session);
  const start = {
    reference,
    argv,
    env: readEnvironment(options.envFile, options.env, cli.env),
    user: options.user ?? '',
    dir: options.workdir ?? '',
    tty: session.tty,
    stdin: session.stdin,
    privileged: options.privileged ?? false,
    detach,
    size: terminalSize(cli),
  };
  const { exitCode } = await runSession(engine.containerExec(), { $case: 'exec', value: start }, cli, session);
  cli.exitCode = exitCode ?? 0;
}
