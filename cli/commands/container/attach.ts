import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { attachContainer } from '../../container/attach-container.ts';
import { declareForeground, type ForegroundOptions } from '../../options/session-options.ts';

interface AttachOptions extends ForegroundOptions {
  readonly stdin: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareForeground(command)
    .argument('<container>', 'name or id')
    .option('--no-stdin', "don't attach standard input")
    .action(async (reference: string, options: AttachOptions) => {
      await withClient(EngineClient, cli, (engine) => attachContainer(engine, cli, reference, options.stdin, options));
    });
}
