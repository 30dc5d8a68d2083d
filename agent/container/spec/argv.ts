/** What a container runs: Docker's rules for the entrypoint and command of an image and of a container. */
import { GantryError } from '../../../proto/errors.ts';
import type { ImageConfig } from '../../../proto/generated/gantry/v1/engine.ts';
import type { ContainerSpec } from '../../../proto/generated/gantry/v1/types.ts';

type ImageArguments = Pick<ImageConfig, 'entrypoint' | 'command'>;
type ContainerArguments = Pick<ContainerSpec, 'image' | 'entrypoint' | 'command'>;

/**
 * Entrypoint and command put together. An entrypoint of the container's own drops the image's command, which was
 * written for another program; an empty list clears only what it stands for. `[""]`, as `--entrypoint ""` is sent,
 * is no entrypoint, and drops the image's command too. Throws INVALID_ARGUMENT when nothing is left to run.
 */
export function resolveArgv(container: ContainerArguments, image: ImageArguments): string[] {
  const own = container.entrypoint?.items;
  const entrypoint = own === undefined ? image.entrypoint : withoutEmpty(own);
  const inherited = own === undefined || own.length === 0 ? image.command : [];
  const argv = [...entrypoint, ...(container.command?.items ?? inherited)];
  if (argv.length > 0) return argv;
  throw new GantryError('INVALID_ARGUMENT', `no command specified for image "${container.image}"`, {
    hint: 'the image has neither CMD nor ENTRYPOINT: name a command',
  });
}

function withoutEmpty(items: readonly string[]): readonly string[] {
  return items.length === 1 && items[0] === '' ? [] : items;
}
