/** Before anything is created: builds what has a `build`, and checks that all other images are to be had. */
import type { GantryError } from '../../proto/errors.ts';
import type { Cli } from '../cli.ts';
import type { LoadedStack } from '../compose/load-stack.ts';
import { CliError, EXIT } from '../failure.ts';
import { missingImageHint } from '../registry/image-exists.ts';
import { type ImageAnswers, missingImages } from '../registry/service-images.ts';
import { buildServices } from './build-services.ts';
import { pinBuiltImages } from './pin-built-images.ts';

/** Rejects with one line for each image that is missing. */
export async function refuseMissingImages(cli: Cli, loaded: LoadedStack, answers: ImageAnswers): Promise<void> {
  const missing = missingLines(loaded, await missingImages(cli, answers));
  if (missing.length > 0) throw new CliError(missing.join('\n'), { exitCode: EXIT.failed });
}

/** The answers, with what was built. Rejects as `refuseMissingImages` does, and when a build fails. */
export async function prepareImages(
  cli: Cli,
  loaded: LoadedStack,
  answers: ImageAnswers,
  quiet: boolean,
): Promise<ImageAnswers> {
  await refuseMissingImages(cli, loaded, answers);
  await buildServices(cli, loaded, quiet ? 'quiet' : 'auto');
  const built = await pinBuiltImages(cli, loaded.services);
  return { ...answers, registry: { ...answers.registry, built } };
}

function missingLines(loaded: LoadedStack, missing: ReadonlyMap<string, GantryError>): string[] {
  return loaded.services.flatMap(({ name, image }) => {
    const failure = missing.get(image);
    if (failure === undefined) return [];
    const { file, line, column } = loaded.locate('services', name, 'image');
    const hint = missingImageHint(image, failure);
    return [`${file}:${line}:${column}: services.${name}.image: no such image "${image}"; ${hint}`];
  });
}
