/** `compose attach`: input and output of a container of a service, on whichever node it runs. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { wholeNumber } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { declareForeground, type ForegroundOptions, foreground } from '../../options/session-options.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { runningTaskOf } from '../../project/task-of-service.ts';
import { requireTerminal, runSession } from '../../terminal/session.ts';

interface AttachOptions extends ProjectOptions, ForegroundOptions {
  readonly index?: number;
  readonly stdin: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareForeground(declareProject(command.argument('<service>', 'name of a service that runs')))
    .option('--index <index>', 'which of several containers (default: the first)', wholeNumber('--index'))
    .option('--no-stdin', "don't attach standard input")
    .action((service: string, options: AttachOptions) => attach(cli, service, options));
}

async function attach(cli: Cli, name: string, options: AttachOptions): Promise<void> {
  await withClient(ControlClient, cli, async (control) => {
    const task = await runningTaskOf(control, projectName(cli, options), name, options.index);
    const { tty = false, openStdin = false } = task.spec?.container ?? {};
    const session = { tty, stdin: options.stdin && openStdin, ...foreground(options) };
    requireTerminal(cli, session);
    const start = { reference: task.id, stdin: session.stdin };
    const { exitCode } = await runSession(control.taskAttach(), { $case: 'attach', value: start }, cli, session);
    cli.exitCode = exitCode ?? 0;
  });
}
