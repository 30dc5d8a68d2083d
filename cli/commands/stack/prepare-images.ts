/** Before anything is created: builds what has a `build`, and checks that all other images are to be had. */
import type { GantryError } from '../../../proto/errors.ts';
import { EngineClient, ImageBuildOptions } from '../../../proto/generated/gantry/v1/engine.ts';
import { createBuildDisplay } from '../../build/build-display.ts';
import { buildImage, uploadOf } from '../../build/build-image.ts';
import { directoryContext } from '../../build/context-changes.ts';
import { type Cli, printLine } from '../../cli.ts';
import type { LoadedService, LoadedStack } from '../../compose/load-stack.ts';
import { withClient } from '../../connection.ts';
import { CliError, EXIT, isGantryError } from '../../failure.ts';
import { allCredentials } from '../../registry/credentials.ts';
import { type ImageAnswers, missingImages } from '../../registry/service-images.ts';
import { missingImageHint } from '../image/image-exists.ts';

type Build = NonNullable<LoadedService['build']>;

/** Rejects with one line for each image that is missing. */
export async function prepareImages(
  cli: Cli,
  loaded: LoadedStack,
  answers: ImageAnswers,
  quiet: boolean,
): Promise<void> {
  const missing = missingLines(loaded, await missingImages(cli, answers));
  if (missing.length > 0) throw new CliError(missing.join('\n'), { exitCode: EXIT.failed });
  await withClient(EngineClient, cli, async (engine) => {
    for (const { service, build } of distinctBuilds(loaded.services)) {
      await buildService(engine, cli, loaded, service, build, quiet);
    }
  });
}

/** Services that share an image and how it is built share the build. */
function distinctBuilds(services: readonly LoadedService[]): { service: LoadedService; build: Build }[] {
  const builds = new Map<string, { service: LoadedService; build: Build }>();
  for (const service of services) {
    const { image, build } = service;
    const key = JSON.stringify([image, build]);
    if (build !== undefined && !builds.has(key)) builds.set(key, { service, build });
  }
  return [...builds.values()];
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

async function buildService(
  engine: EngineClient,
  cli: Cli,
  loaded: LoadedStack,
  service: LoadedService,
  build: Build,
  quiet: boolean,
): Promise<void> {
  if (!quiet) await printLine(cli, `Building ${service.image} for service ${service.name}`);
  try {
    await buildImage(
      engine,
      { ...buildOptions(service, build), credentials: await allCredentials(cli) },
      uploadOf({ kind: 'directory', directory: directoryContext(build.context, build.dockerfile || 'Dockerfile') }),
      createBuildDisplay(cli, quiet ? 'quiet' : 'auto'),
    );
  } catch (error) {
    if (!isGantryError(error) && !(error instanceof CliError)) throw error;
    const { file, line, column } = loaded.locate('services', service.name, 'build');
    throw new CliError(`${file}:${line}:${column}: services.${service.name}.build: ${error.message}`, {
      hint: error.hint,
    });
  }
}

function buildOptions(service: LoadedService, build: Build): Omit<ImageBuildOptions, 'credentials'> {
  return ImageBuildOptions.create({
    tags: [service.image, ...build.tags],
    dockerfile: build.dockerfile,
    args: { ...build.args },
    target: build.target,
    noCache: build.noCache,
    labels: { ...build.labels },
    dockerfileText: build.dockerfileText,
  });
}
