import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain, printLine } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { containerConfig } from '../../options/container-config.ts';
import { type ContainerOptions, declareContainerOptions } from '../../options/container-options.ts';
import { withPulledImage } from '../../registry/pull-policy.ts';
import { reserveCidFile } from './cid-file.ts';

export function define(command: Command, cli: Cli): void {
  declareContainerOptions(command).action(async (image: string, argv: string[], options: ContainerOptions) => {
    const config = containerConfig(image, argv, options, cli);
    const publishId = reserveCidFile(options.cidfile);
    const { pull: policy, quiet = false, platform } = options;
    const wanted = { image, policy, quiet, platform };
    const { id, warnings } = await withClient(EngineClient, cli, (engine) =>
      withPulledImage(engine, cli, wanted, () => ask(engine, engine.containerCreate, { config })),
    );
    for (const warning of warnings) await complain(cli, `gantry: warning: ${warning}`);
    publishId(id);
    await printLine(cli, id);
  });
}
