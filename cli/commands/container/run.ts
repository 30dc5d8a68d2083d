import type { Command } from 'commander';
import { type ContainerConfig, EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain, printLine } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError, EXIT, runExitCode, withExitCode } from '../../failure.ts';
import { containerConfig } from '../../options/container-config.ts';
import { type ContainerOptions, declareContainerOptions } from '../../options/container-options.ts';
import {
  type AttachedStreams,
  attachedStreams,
  declareAttach,
  declareForeground,
  type ForegroundOptions,
  foreground,
} from '../../options/session-options.ts';
import { ensureImage, withPulledImage } from '../../registry/pull-policy.ts';
import { requireTerminal, runSession, type SessionOptions, terminalSize } from '../../terminal/session.ts';
import { reserveCidFile } from './cid-file.ts';

interface RunOptions extends ContainerOptions, AttachedStreams, ForegroundOptions {
  readonly detach?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareAttach(declareForeground(declareContainerOptions(command)))
    .option('-d, --detach', 'run it in the background and print its id')
    .action(async (image: string, argv: string[], options: RunOptions) => {
      const config = containerConfig(image, argv, options, cli);
      const publishId = reserveCidFile(options.cidfile);
      const { pull: policy, quiet = false, platform } = options;
      const wanted = { image, policy, quiet, platform };
      const session = sessionOptions(config, options);
      const isDetached = options.detach ?? false;
      if (isDetached) refuseAttach(options);
      else requireTerminal(cli, session);
      const act = (engine: EngineClient) =>
        isDetached ? runDetached(engine, cli, config, publishId) : runAttached(engine, cli, config, session, publishId);
      try {
        await withClient(EngineClient, cli, async (engine) => {
          if (isDetached || !session.stdin) {
            await withPulledImage(engine, cli, wanted, () => act(engine));
            return;
          }
          // What has been read of standard input can't be read again.
          await ensureImage(engine, cli, wanted);
          await act(engine);
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

async function runAttached(
  engine: EngineClient,
  cli: Cli,
  config: ContainerConfig,
  options: SessionOptions,
  publish: PublishId,
): Promise<void> {
  const onStarted = async (id: string) => {
    publish(id);
    // Whoever is shown nothing of it is told which it is.
    if (options.outputs?.size === 0) await printLine(cli, id);
  };
  const session = { ...options, onStarted };
  const start = { config, stdin: session.stdin, size: terminalSize(cli) };
  const { exitCode } = await runSession(engine.containerRun(), { $case: 'run', value: start }, cli, session);
  cli.exitCode = exitCode ?? 0;
}

function refuseAttach({ attach }: RunOptions): void {
  if (attach.length === 0) return;
  throw new CliError('conflicting options: cannot specify both --attach and --detach', { exitCode: EXIT.refused });
}

function sessionOptions({ spec }: ContainerConfig, options: RunOptions): SessionOptions {
  const streams = attachedStreams(options, spec?.openStdin ?? false);
  return { tty: spec?.tty ?? false, ...streams, ...foreground(options) };
}
