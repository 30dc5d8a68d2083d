import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { alias, refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { forEach } from '../../each.ts';
import { stopTimeout } from '../../options/stop-timeout.ts';

interface RestartOptions {
  readonly timeout?: number;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<container...>', 'names or ids')
    .option('-t, --timeout <seconds>', 'seconds to wait before SIGKILL; -1 waits for ever', stopTimeout)
    .action(async (references: string[], { timeout }: RestartOptions) => {
      await withClient(EngineClient, cli, (engine) =>
        forEach(cli, references, async (reference) => {
          await ask(engine, engine.containerStop, { reference, timeoutMs: timeout });
          await ask(engine, engine.containerStart, { reference });
          return reference;
        }),
      );
    });
  alias(command, '--time <seconds>', 'timeout');
  refuse(command, '-s, --signal <signal>', "use 'gantry kill -s SIGNAL', then 'gantry start'");
}
