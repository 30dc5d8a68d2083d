/** `compose volumes`: the volumes of a project, on all nodes. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { MountType } from '../../../proto/generated/gantry/v1/types.ts';
import { type Cli, complain, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { renderListing } from '../../format/listing.ts';
import { nodeVolumeListing, nodeVolumeRow } from '../../format/rows/resource-rows.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { nodeNames, type ProjectService, projectServices, selectServices } from '../../project/project-state.ts';

interface VolumesOptions extends ProjectOptions {
  readonly quiet?: boolean;
  readonly format?: string;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all)'))
    .option('-q, --quiet', 'print only names')
    .option('--format <template>', "'table', 'table TEMPLATE', 'json' or a Go template")
    .action((names: string[], options: VolumesOptions) => volumes(cli, names, options));
}

async function volumes(cli: Cli, names: readonly string[], options: VolumesOptions): Promise<void> {
  const project = projectName(cli, options);
  await withClient(ControlClient, cli, async (control) => {
    const wanted = await volumesOf(control, project, names);
    const { volumes: found, unanswered } = await ask(control, control.stackVolumeList, { stack: project });
    const rows = found
      .filter(({ volume }) => wanted === undefined || wanted.has(volume))
      .sort((a, b) => a.volume.localeCompare(b.volume) || a.nodeName.localeCompare(b.nodeName))
      .map(nodeVolumeRow);
    const { format, quiet = false } = options;
    await print(cli, renderListing(nodeVolumeListing((await nodeNames(control)).size), rows, { format, quiet }));
    for (const node of unanswered) await complain(cli, `gantry: warning: node ${node} does not answer`);
  });
}

/** Names of those that the services mount; undefined: all, also those of services that are gone. */
async function volumesOf(
  control: ControlClient,
  project: string,
  names: readonly string[],
): Promise<ReadonlySet<string> | undefined> {
  if (names.length === 0) return undefined;
  return new Set(selectServices(await projectServices(control, project), names).flatMap(mountedVolumes));
}

function mountedVolumes({ service }: ProjectService): string[] {
  const mounts = service.spec?.task?.container?.mounts ?? [];
  return mounts.flatMap(({ type, source }) => (type === MountType.VOLUME ? [source] : []));
}
