import type { Command } from 'commander';
import { ContainerStatus, EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { declareForeground, type ForegroundOptions, foreground } from '../../options/session-options.ts';
import { requireTerminal, runSession } from '../../terminal/session.ts';

interface AttachOptions extends ForegroundOptions {
  readonly stdin: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareForeground(command)
    .argument('<container>', 'name or id')
    .option('--no-stdin', "don't attach standard input")
    .action(async (reference: string, options: AttachOptions) => {
      await withClient(EngineClient, cli, (engine) => attach(engine, cli, reference, options.stdin, options));
    });
}

/** Attaches to a running container and takes on its exit code. */
export async function attach(
  engine: EngineClient,
  cli: Cli,
  reference: string,
  wantsStdin: boolean,
  options: ForegroundOptions,
): Promise<void> {
  const { container } = await ask(engine, engine.containerInspect, { reference });
  if (container?.state?.status !== ContainerStatus.RUNNING) {
    throw new CliError(`container ${reference} is not running`, {
      hint: `start it with 'gantry start -a ${reference}'`,
    });
  }
  const spec = container.config?.spec;
  const session = { tty: spec?.tty ?? false, stdin: wantsStdin && (spec?.openStdin ?? false), ...foreground(options) };
  requireTerminal(cli, session);
  const start = { reference: container.id, stdin: session.stdin };
  const { exitCode } = await runSession(engine.containerAttach(), { $case: 'attach', value: start }, cli, session);
  cli.exitCode = exitCode ?? 0;
}
