/** An image of what a container has become: its image's layers, and one with what it has changed. */
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import { committedConfig } from './committed-config.ts';
import type { ContainerEntry } from './container-entry.ts';
import type { CommitOptions } from './containers.ts';
import type { ContainerContext } from './context.ts';
import { whileFrozen } from './frozen.ts';

export async function commitContainer(
  context: ContainerContext,
  entry: ContainerEntry,
  options: CommitOptions,
): Promise<Digest> {
  const { record } = entry;
  const { pause, ...rest } = options;
  try {
    return await context.images.commit(context.snapshots.upper(record.id), {
      ...rest,
      base: record.imageId,
      config: committedConfig(record),
      createdBy: record.argv.join(' '),
      reading: (read) => (pause ? whileFrozen(context, entry, read) : read()),
    });
  } catch (error) {
    const { code, message, hint } = toGantryError(error);
    throw new GantryError(code, `committing the container ${record.name}: ${message}`, { hint, cause: error });
  }
}
