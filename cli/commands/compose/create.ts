/** `compose create`: makes what the files say, and starts nothing. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { parseScale } from '../../options/scale.ts';
import {
  type ApplyOptions,
  applyProject,
  declareApplyOptions,
  NO_RECREATE,
  prepareImagesFor,
} from '../../project/apply-project.ts';
import { declareProject, loadProject } from '../../project/project-options.ts';
import { fileServices, select } from '../../project/selection.ts';

export function define(command: Command, cli: Cli): void {
  declareApplyOptions(
    declareProject(command.argument('[service...]', 'services, with those that they depend on (default: all)')),
  ).action((services: string[], options: ApplyOptions) => create(cli, services, options));
  refuse(command, '--no-recreate', NO_RECREATE);
}

/** What runs already is brought up to date, and goes on. */
async function create(cli: Cli, names: readonly string[], options: ApplyOptions): Promise<void> {
  const loaded = await loadProject(cli, options, names);
  const services = select(fileServices(loaded), names, 'with-dependencies');
  const scale = parseScale(options.scale);
  const registry = await prepareImagesFor(cli, loaded, services, options);
  await withClient(ControlClient, cli, async (control) => {
    await applyProject(cli, control, { loaded, services, registry, scale, idle: 'leave', others: 'awaited' }, options);
  });
}
