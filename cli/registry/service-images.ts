/** What is found out of the images of services before they are deployed: what their registries have, and who may pull it. */
import type { GantryError } from '../../proto/errors.ts';
import { ControlClient, type RegistryFacts, ResolveImage } from '../../proto/generated/gantry/v1/control.ts';
import { EngineClient, type RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import { canonicalName, parseReference, withDefaultTag, withoutLookedUpDigest } from '../../proto/image-reference.ts';
import { type Cli, complain } from '../cli.ts';
import { ask, withClient } from '../connection.ts';
import { CliError, isGantryError } from '../failure.ts';
import { credentialsForImage } from './credentials.ts';
import { imageExists, missingImageHint } from './image-exists.ts';
import { DOCKER_HUB, imageDomain } from './registry-server.ts';

export interface ImageQuestions {
  /** As the services name them. */
  readonly images: readonly string[];
  readonly resolveImage: ResolveImage;
  /** The user's credentials go with the services. */
  readonly withRegistryAuth: boolean;
}

export interface ImageAnswers {
  readonly registry: RegistryFacts;
  /** Why a registry has said nothing of an image that it was asked of. */
  readonly failures: ReadonlyMap<string, GantryError>;
}

/** The daemon's host asks the registries, all at once. One that says nothing is no failure: nodes may have the image. */
export async function askRegistries(cli: Cli, questions: ImageQuestions): Promise<ImageAnswers> {
  const images = [...new Set(questions.images)].filter((image) => !isImageId(image));
  const credentials = await credentialsByDomain(cli, images);
  const answers: ImageAnswers['registry'] = {
    images: {},
    credentials: questions.withRegistryAuth ? credentials : {},
    built: {},
    toBuild: [],
  };
  const failures = new Map<string, GantryError>();
  const asked = questions.resolveImage === ResolveImage.NEVER ? [] : images.filter((image) => !image.includes('@'));
  if (asked.length === 0) return { registry: answers, failures };
  await withClient(EngineClient, cli, async (engine) => {
    const one = async (image: string) => {
      const request = { reference: image, credentials: credentials[imageDomain(image)] };
      try {
        answers.images[image] = await ask(engine, engine.distributionInspect, request);
      } catch (error) {
        if (!isGantryError(error)) throw error;
        failures.set(image, error);
      }
    };
    await Promise.all(asked.map(one));
  });
  return { registry: answers, failures };
}

async function credentialsByDomain(cli: Cli, images: readonly string[]): Promise<Record<string, RegistryCredentials>> {
  const found: Record<string, RegistryCredentials> = {};
  for (const [domain, image] of new Map(images.map((name) => [imageDomain(name), name]))) {
    const credentials = await credentialsForImage(cli, image);
    if (credentials !== undefined) found[domain] = credentials;
  }
  return found;
}

/**
 * Of the images those that can only be mistakes: their registry doesn't have them, or there is none in their names and Docker
 * Hub hasn't said that it does; nor has the daemon's host, nor does a service run them. With what the registry said.
 */
export async function missingImages(cli: Cli, { failures }: ImageAnswers): Promise<Map<string, GantryError>> {
  const missing = new Map<string, GantryError>();
  for (const [image, failure] of failures) {
    const isNowhere = failure.code === 'IMAGE_NOT_FOUND' || failure.code === 'NOT_FOUND';
    if (!isNowhere && imageDomain(image) !== DOCKER_HUB) continue;
    if (await withClient(EngineClient, cli, (engine) => imageExists(engine, image))) continue;
    if (!(await isOfService(cli, image))) missing.set(image, failure);
  }
  return missing;
}

/** Rejects when it can only be a mistake. */
export async function refuseMissing(cli: Cli, answers: ImageAnswers): Promise<void> {
  for (const [image, failure] of await missingImages(cli, answers)) {
    throw new CliError(`no such image "${image}"`, { hint: missingImageHint(image, failure) });
  }
}

/** Then some node has it, or can have it. */
async function isOfService(cli: Cli, image: string): Promise<boolean> {
  const request = { stack: '', references: [] };
  const { services } = await withClient(ControlClient, cli, (control) => ask(control, control.serviceList, request));
  return services.some(({ service }) => {
    const own = service?.spec?.task?.container?.image ?? '';
    return own !== '' && !isImageId(own) && fullName(withoutLookedUpDigest(own)) === fullName(image);
  });
}

/** Docker's warning. */
export async function warnUnrecorded(
  cli: Cli,
  images: readonly string[],
  failures: ImageAnswers['failures'],
): Promise<void> {
  for (const image of images) {
    const reason = failures.get(image)?.message;
    await complain(
      cli,
      `gantry: warning: image ${image} could not be accessed on a registry to record its digest. Each node will access ` +
        `${image} independently, possibly leading to different nodes running different versions of the image.` +
        (reason === undefined ? '' : ` (${reason})`),
    );
  }
}

function isImageId(image: string): boolean {
  return image.startsWith('sha256:');
}

function fullName(image: string): string {
  return canonicalName(withDefaultTag(parseReference(image)));
}
