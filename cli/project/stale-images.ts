/** Which services run an image that has lost its name to another one, by a build or a pull: `up` makes them anew. */
import { type Container, EngineClient } from '../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../cli.ts';
import { ask, withClient } from '../connection.ts';
import { isGantryError } from '../failure.ts';
import { isRunning } from './project-state.ts';
import type { Before } from './run.ts';
import type { SelectedService } from './selection.ts';

/**
 * Names of services. Looks at the host that is asked: other nodes may have had another image of the name all along, and
 * what is pinned to a digest is the same everywhere.
 */
export async function servicesOfStaleImages(
  cli: Cli,
  services: readonly SelectedService[],
  before: Before,
): Promise<Set<string>> {
  const known = new Map(before.services.map(({ name, service }) => [name, service]));
  const loose = services.filter(({ name }) => known.get(name)?.spec?.task?.container?.image.includes('@') === false);
  if (loose.length === 0) return new Set();
  return await withClient(EngineClient, cli, async (engine) => {
    const { containers } = await ask(engine, engine.containerList, { all: false, filters: [] });
    const imageIds = imageIdsByTask(containers);
    const stale = new Set<string>();
    for (const { name, image } of loose) {
      const tasks = before.tasks.filter((task) => task.serviceId === known.get(name)?.id && isRunning(task));
      const running = tasks.flatMap(({ id }) => imageIds.get(id) ?? []);
      if (running.length === 0) continue;
      const present = await imageId(engine, image);
      if (present !== undefined && running.some((id) => id !== present)) stale.add(name);
    }
    return stale;
  });
}

/** A task's container has its service's image; those of its pre_start hooks may have others. */
export function imageIdsByTask(
  containers: readonly Pick<Container, 'taskId' | 'imageId' | 'preStart'>[],
): ReadonlyMap<string, string> {
  const own = containers.filter(({ preStart }) => preStart === undefined);
  return new Map(own.map(({ taskId, imageId }) => [taskId, imageId]));
}

async function imageId(engine: EngineClient, reference: string): Promise<string | undefined> {
  try {
    return (await ask(engine, engine.imageInspect, { reference, platform: '' })).image?.id;
  } catch (error) {
    if (isGantryError(error) && (error.code === 'IMAGE_NOT_FOUND' || error.code === 'NOT_FOUND')) return undefined;
    throw error;
  }
}
