/** `compose scale`: as many containers of services as are asked for. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { parseScale } from '../../options/scale.ts';
import { applyProject, prepareImagesFor } from '../../project/apply-project.ts';
import { declareProject, loadProject, type ProjectOptions } from '../../project/project-options.ts';
import { waitInBackground } from '../../project/run.ts';
import { fileServices, select } from '../../project/selection.ts';

interface ScaleOptions extends ProjectOptions {
  /** False for --no-deps. */
  readonly deps: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('<service=number...>', 'services, and how many containers each shall have'))
    .option('--no-deps', 'without the services that they depend on')
    .action((pairs: string[], options: ScaleOptions) => scaleServices(cli, pairs, options));
}

async function scaleServices(cli: Cli, pairs: readonly string[], options: ScaleOptions): Promise<void> {
  const scale = parseScale(pairs);
  const loaded = await loadProject(cli, options, Object.keys(scale));
  const services = select(fileServices(loaded), Object.keys(scale), options.deps ? 'with-dependencies' : 'alone');
  const wishes = { ...options, scale: pairs };
  const others = options.deps ? 'awaited' : 'left-out';
  const registry = await prepareImagesFor(cli, loaded, services, wishes);
  await withClient(ControlClient, cli, async (control) => {
    const run = await applyProject(cli, control, { loaded, services, registry, scale, idle: 'start', others }, wishes);
    await waitInBackground(cli, control, run, options);
  });
}
