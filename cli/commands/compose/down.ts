/** `compose down`: takes a project away; volumes only when that is wanted. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { isGantryError } from '../../failure.ts';
import { stopTimeout } from '../../options/stop-timeout.ts';
import { oneOf } from '../../options/words.ts';
import { namesToRemove } from '../../project/images-to-remove.ts';
import { declareProject, loadProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { type ProjectService, projectServices, selectServices } from '../../project/project-state.ts';
import { removeProject } from '../../project/remove-project.ts';
import { removeServices } from '../../project/remove-services.ts';
import { progressIn } from '../../terminal/progress.ts';

interface DownOptions extends ProjectOptions {
  readonly volumes?: boolean;
  readonly removeOrphans?: boolean;
  readonly rmi?: 'local' | 'all';
  readonly timeout?: number;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'only these services (default: all, with their networks)'))
    .option('-v, --volumes', "remove the project's volumes, too, on all nodes")
    .option('--remove-orphans', 'as docker has it; services that the files no longer have go anyway')
    .option(
      '--rmi <which>',
      'remove images of the services: all, or local for those that were built without a name of their own',
      oneOf('--rmi', { local: 'local', all: 'all' } as const),
    )
    .option('-t, --timeout <seconds>', 'how long containers have to stop (default: as the files say)', stopTimeout)
    .action((services: string[], options: DownOptions) => down(cli, services, options));
}

async function down(cli: Cli, names: readonly string[], options: DownOptions): Promise<void> {
  const project = projectName(cli, options);
  await withClient(ControlClient, cli, async (control) => {
    const services = selectServices(await projectServices(control, project), names);
    if (names.length > 0) {
      const progress = progressIn(cli.stderr, options.progress);
      return await removeServices(cli, control, project, services, { timeoutMs: options.timeout, progress });
    }
    await removeProject(cli, control, project, { timeoutMs: options.timeout, progress: options.progress });
    if (options.volumes) await removeVolumes(cli, control, project);
    if (options.rmi === undefined) return;
    const images = await imagesToRemove(cli, services, options);
    await removeImages(cli, images);
  });
}

async function removeVolumes(cli: Cli, control: ControlClient, stack: string): Promise<void> {
  const { removed, unanswered } = await ask(control, control.stackVolumesRemove, { stack });
  for (const { volume, nodeName } of removed) await complain(cli, `Removing volume ${volume} on node ${nodeName}`);
  for (const node of unanswered) {
    await complain(cli, `gantry: warning: node ${node} does not answer: volumes there stay; run this again later`);
  }
}

/** All, or those that the files build and give no name. */
async function imagesToRemove(
  cli: Cli,
  services: readonly ProjectService[],
  options: DownOptions,
): Promise<readonly string[]> {
  const used = services.flatMap(({ service }) => service.spec?.task?.container?.image ?? []);
  if (options.rmi === 'all') return [...new Set(used)];
  const { services: inFiles, spec } = await loadProject(cli, options);
  const ownNames = (name: string) => [`${spec.name}-${name}`, `${spec.name}_${name}`];
  const isUnnamed = (image: string, name: string) => ownNames(name).includes(image.replace(/:latest$/, ''));
  return inFiles.flatMap(({ name, image, build }) => (build !== undefined && isUnnamed(image, name) ? [image] : []));
}

/** Those that are on the host that is asked; other nodes make room by themselves. */
async function removeImages(cli: Cli, images: readonly string[]): Promise<void> {
  await withClient(EngineClient, cli, async (engine) => {
    for (const reference of await namesToRemove(engine, images)) {
      try {
        await ask(engine, engine.imageRemove, { reference, force: false });
        await complain(cli, `Removing image ${reference}`);
      } catch (error) {
        if (!isGantryError(error)) throw error;
        await complain(cli, `gantry: warning: image ${reference}: ${error.message}`);
      }
    }
  });
}
