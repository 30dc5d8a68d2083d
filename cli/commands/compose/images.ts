/** `compose images`: which images the containers of a project are of. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { EngineClient, type Image } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Task } from '../../../proto/generated/gantry/v1/types.ts';
import { familiarName, parseReference, withDefaultTag, withoutLookedUpDigest } from '../../../proto/image-reference.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { isGantryError } from '../../failure.ts';
import { type Listing, renderListing } from '../../format/listing.ts';
import { createdSince } from '../../format/rows/image-row.ts';
import { taskName } from '../../format/rows/task-row.ts';
import { humanSize } from '../../format/size.ts';
import { shortId } from '../../format/table.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { currentTasks, projectServices, selectServices } from '../../project/project-state.ts';

interface ImagesOptions extends ProjectOptions {
  readonly quiet?: boolean;
  readonly format?: string;
}

const LISTING: Listing = {
  headings: {
    Container: 'CONTAINER',
    Repository: 'REPOSITORY',
    Tag: 'TAG',
    Platform: 'PLATFORM',
    ID: 'IMAGE ID',
    Size: 'SIZE',
    Created: 'CREATED',
  },
  defaultTable: '{{.Container}}\t{{.Repository}}\t{{.Tag}}\t{{.Platform}}\t{{.ID}}\t{{.Size}}\t{{.Created}}',
  quietField: 'ID',
};

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all)'))
    .option('-q, --quiet', 'print only ids')
    .option('--format <template>', "'table', 'json' or a Go template")
    .action((names: string[], options: ImagesOptions) => images(cli, names, options));
}

async function images(cli: Cli, names: readonly string[], options: ImagesOptions): Promise<void> {
  const project = projectName(cli, options);
  const tasks = await withClient(ControlClient, cli, async (control) => {
    const services = selectServices(await projectServices(control, project), names);
    const ids = new Set(services.map(({ service }) => service.id));
    const listed = await ask(control, control.taskList, { stack: project, services: [], nodes: [] });
    return currentTasks(listed.tasks.filter(({ serviceId }) => ids.has(serviceId)));
  });
  const known = await knownImages(cli, new Set(tasks.map(imageOf)));
  if (options.format === 'json') {
    const entries = tasks.map((task) => imageEntry(task, known.get(imageOf(task))));
    return await print(cli, `${JSON.stringify(entries)}\n`);
  }
  const rows = tasks.map((task) => imageRow(task, known.get(imageOf(task)), cli.nowMs()));
  const { quiet = false, format } = options;
  await print(cli, renderListing(LISTING, rows, { format, quiet }));
}

function imageOf({ spec }: Task): string {
  return spec?.container?.image ?? '';
}

/** What the host that is asked knows of them: those that only other nodes have, it doesn't. */
async function knownImages(cli: Cli, references: ReadonlySet<string>): Promise<Map<string, Image>> {
  const known = new Map<string, Image>();
  await withClient(EngineClient, cli, async (engine) => {
    for (const reference of references) {
      try {
        const { image } = await ask(engine, engine.imageInspect, { reference, platform: '' });
        if (image !== undefined) known.set(reference, image);
      } catch (error) {
        if (!isGantryError(error) || (error.code !== 'IMAGE_NOT_FOUND' && error.code !== 'NOT_FOUND')) throw error;
      }
    }
  });
  return known;
}

/** As programs read it: docker compose gives them one list. */
function imageEntry(task: Task, image: Image | undefined) {
  return {
    ID: image?.id ?? '',
    ContainerName: taskName(task),
    ...nameOf(task),
    Platform: platformOf(image),
    Size: image?.sizeBytes ?? 0,
    ...(image === undefined || image.taggedAtMs === 0 ? {} : { LastTagTime: new Date(image.taggedAtMs).toISOString() }),
  };
}

function nameOf(task: Task) {
  const name = familiarName(withDefaultTag(parseReference(withoutLookedUpDigest(imageOf(task)))));
  const colon = name.lastIndexOf(':');
  return { Repository: colon === -1 ? name : name.slice(0, colon), Tag: colon === -1 ? '' : name.slice(colon + 1) };
}

function platformOf(image: Image | undefined): string {
  return image === undefined ? '' : `${image.os}/${image.architecture}`;
}

function imageRow(task: Task, image: Image | undefined, nowMs: number): Fields {
  const { Repository, Tag } = nameOf(task);
  return {
    Container: taskName(task),
    Created: image === undefined ? '' : createdSince(image, nowMs),
    ID: image === undefined ? '' : shortId(image.id),
    Platform: platformOf(image),
    Repository,
    Size: image === undefined ? '' : humanSize(image.sizeBytes),
    Tag,
  };
}
