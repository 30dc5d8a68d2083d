/** The images that a task's containers are made of. */
import { toGantryError } from '../../proto/errors.ts';
import { MountType, PullPolicy, type Task } from '../../proto/generated/gantry/v1/types.ts';
import { parseReference } from '../../proto/image-reference.ts';
import { canExecute } from '../platform/emulation.ts';
import { hostPlatform } from '../platform/host-platform.ts';
import type { ExecutorContext } from './executor-context.ts';
import type { TaskMaterial } from './task-container.ts';
import { noSuchImage, type WantedImage } from './task-pulls.ts';
import type { TaskRecord } from './task-record.ts';

/** That its container is made of, and those that it mounts. */
export function imagesOf({ spec }: Task): string[] {
  const { image = '', mounts = [] } = spec?.container ?? {};
  return [image, ...mounts.filter(({ type }) => type === MountType.IMAGE).map(({ source }) => source)];
}

/** Whether it is here, as new as it is to be; if not, its pull has begun. Throws IMAGE_NOT_FOUND when it mustn't be pulled. */
export async function hasImage(record: TaskRecord, reference: string, context: ExecutorContext): Promise<boolean> {
  const { task } = record;
  if (await mustPull(record, reference, context)) {
    const { credentials } = context.material;
    const own = isOfSameRegistry(reference, task.spec?.container?.image ?? '')
      ? ofTask(credentials, task.id)
      : undefined;
    const isAlways = task.spec?.container?.pullPolicy === PullPolicy.ALWAYS;
    const order = isAlways ? 'registry first' : 'cluster first';
    context.pulls.begin(task.id, { reference, order, credentials: own });
    return false;
  }
  if (await isHere(reference, context)) return true;
  throw noSuchImage(reference);
}

function ofTask(credentials: TaskMaterial['credentials'], taskId: string): WantedImage['credentials'] {
  return credentials === 'unknown' ? credentials : credentials.get(taskId);
}

/** The task's credentials are for the registry of its image, and nobody else's to see. */
function isOfSameRegistry(reference: string, image: string): boolean {
  return reference === image || parseReference(reference).domain === parseReference(image).domain;
}

async function mustPull({ task }: TaskRecord, image: string, context: ExecutorContext): Promise<boolean> {
  if (context.pulls.hasPulled(task.id, image)) return false;
  const { pullPolicy = PullPolicy.MISSING } = task.spec?.container ?? {};
  if (pullPolicy === PullPolicy.NEVER || isImageId(image)) return false;
  // What has this digest once has it for ever.
  if (pullPolicy === PullPolicy.ALWAYS && !image.includes('@')) return true;
  return !(await isRunnable(image, context));
}

/** What is here for other platforms alone needn't be all that a registry has. */
async function isRunnable(reference: string, { images }: ExecutorContext): Promise<boolean> {
  try {
    return canExecute(await images.resolve(reference), hostPlatform());
  } catch (error) {
    if (toGantryError(error).code !== 'IMAGE_NOT_FOUND') throw error;
    return false;
  }
}

/** In full: no registry knows images by it. */
function isImageId(reference: string): boolean {
  return /^sha256:[0-9a-f]+$/.test(reference);
}

async function isHere(reference: string, { images }: ExecutorContext): Promise<boolean> {
  try {
    await images.resolve(reference);
    return true;
  } catch (error) {
    if (toGantryError(error).code !== 'IMAGE_NOT_FOUND') throw error;
    return false;
  }
}
