import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { attachContainer } from '../../container/attach-container.ts';
import { copyLogs } from '../../container/copy-logs.ts';
import { forEach } from '../../each.ts';
import { CliError, EXIT } from '../../failure.ts';
import { type DetachOptions, declareDetachKeys } from '../../options/session-options.ts';
import { forwardSignals } from '../../terminal/signals.ts';

interface StartOptions extends DetachOptions {
  readonly attach?: boolean;
  readonly interactive?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareDetachKeys(command)
    .argument('<container...>', 'names or ids')
    .option('-a, --attach', 'attach to output and pass on signals')
    .option('-i, --interactive', 'attach to input')
    .action(async (references: string[], options: StartOptions) => {
      await withClient(EngineClient, cli, async (engine) => {
        if (options.attach || options.interactive) return await startAttached(engine, cli, references, options);
        await forEach(cli, references, async (reference) => {
          await ask(engine, engine.containerStart, { reference });
          return reference;
        });
      });
    });
  refuse(command, '--checkpoint <name>', 'leave it out');
}

async function startAttached(
  engine: EngineClient,
  cli: Cli,
  references: readonly string[],
  options: StartOptions,
): Promise<void> {
  const [reference, ...more] = references;
  if (reference === undefined || more.length > 0) {
    throw new CliError('cannot start and attach several containers at once');
  }
  const before = await ask(engine, engine.containerInspect, { reference });
  if (!options.interactive && before.container?.config?.log?.driver === 'none') {
    throw new CliError(`the output of container ${reference} is not kept: it was made with the log driver "none"`, {
      hint: `start it without -a, then 'gantry attach ${reference}'`,
    });
  }
  await ask(engine, engine.containerStart, { reference });
  if (options.interactive) return await attachContainer(engine, cli, reference, true, options);
  // What is in the log after the end of the run before is this run's.
  await followRun(engine, cli, reference, (before.container?.state?.finishedAtMs ?? 0) + 1);
}

/** Output through the log, which has the first words too: an attachment is only there after the start. */
async function followRun(engine: EngineClient, cli: Cli, reference: string, sinceMs: number): Promise<void> {
  const stop = forwardSignals(
    process,
    (signal) => {
      // The container may have ended by itself meanwhile; then there is nothing to send a signal to.
      ask(engine, engine.containerKill, { reference, signal }).catch(() => undefined);
    },
    () => process.exit(EXIT.failed),
  );
  try {
    await copyLogs(engine, cli, { reference, follow: true, tail: undefined, sinceMs, untilMs: 0 });
    const { exitCode } = await ask(engine, engine.containerWait, { reference });
    cli.exitCode = exitCode;
  } finally {
    stop();
  }
}
