import type { Command } from 'commander';
import { type ContainerConfig, EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain, printLine } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { runExitCode, withExitCode } from '../../failure.ts';
import { containerConfig } from '../../options/container-config.ts';
import { type ContainerOptions, declareContainerOptions } from '../../options/container-options.ts';
import { ensureImage, withPulledImage } from '../../registry/pull-policy.ts';
import { requireTerminal, runSession, type SessionOptions, terminalSize } from '../../terminal/session.ts';
import { reserveCidFile } from './cid-file.ts';

interface RunOptions extends ContainerOptions {
  readonly detach?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareContainerOptions(command)
    .option('-d, --detach', 'run it in the background and print its id')
    .action(async (image: string, argv: string[], options: RunOptions) => {
      const config = containerConfig(image, argv, options, cli);
      const publishId = reserveCidFile(options.cidfile);
      const wanted = { image, policy: options.pull, quiet: options.quiet ?? false };
      const act = options.detach ? runDetached : runAttached;
      if (!options.detach) requireTerminal(cli, sessionOptions(config));
      try {
        await withClient(EngineClient, cli, async (engine) => {
          if (options.detach || !config.spec?.openStdin) {
            await withPulledImage(engine, cli, wanted, () => act(engine, cli, config, publishId));
            return;
          }
          // What has been read of standard input can't be read again.
          await ensureImage(engine, cli, wanted);
          await act(engine, cli, config, publishId);
        });
      } catch (error) {
        throw withExitCode(error, runExitCode(error));
      }
    });
}

type PublishId = (id: string) => void;

async function runDetached(engine: EngineClient, cli: Cli, config: ContainerConfig, publish: PublishId): Promise<void> {
  const { id, warnings } = await ask(engine, engine.containerCreate, { config });
  for (const warning of warnings) await complain(cli, `gantry: warning: ${warning}`);
  publish(id);
  await ask(engine, engine.containerStart, { reference: id });
  await printLine(cli, id);
}

async function runAttached(engine: EngineClient, cli: Cli, config: ContainerConfig, publish: PublishId): Promise<void> {
  const session = { ...sessionOptions(config), onStarted: async (id: string) => publish(id) };
  const start = { config, stdin: session.stdin, size: terminalSize(cli) };
  const { exitCode } = await runSession(engine.containerRun(), { $case: 'run', value: start }, cli, session);
  cli.exitCode = exitCode ?? 0;
}

function sessionOptions({ spec }: ContainerConfig): SessionOptions {
  return { tty: spec?.tty ?? false, stdin: spec?.openStdin ?? false };
}
