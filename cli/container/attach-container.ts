/** A running container with the user's terminal. */
import { ContainerStatus, type EngineClient } from '../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../cli.ts';
import { ask } from '../connection.ts';
import { CliError } from '../failure.ts';
import { type ForegroundOptions, foreground } from '../options/session-options.ts';
import { requireTerminal, runSession } from '../terminal/session.ts';

/** Attaches to a running container and takes on its exit code. */
export async function attachContainer(
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
