/** When `run` and `create` pull: as Docker does, what isn't there, unless told otherwise. */
import { type EngineClient, PullOrder } from '../../proto/generated/gantry/v1/engine.ts';
import { familiarName, parseReference, withDefaultTag } from '../../proto/image-reference.ts';
import { type Cli, complain } from '../cli.ts';
import { invalidFlag } from '../command-line.ts';
import { isGantryError } from '../failure.ts';
import { imageExists } from './image-exists.ts';
import { pullImage } from './pull-image.ts';

const POLICIES = ['always', 'missing', 'never'] as const;
export type PullPolicy = (typeof POLICIES)[number];

export function pullPolicy(text: string): PullPolicy {
  const policy = POLICIES.find((known) => known === text);
  if (policy === undefined) throw invalidFlag('--pull', text, `one of ${POLICIES.join(', ')}`);
  return policy;
}

export interface WantedImage {
  readonly image: string;
  readonly policy: PullPolicy;
  readonly quiet: boolean;
  /** Empty: the host's. */
  readonly platform?: string;
}

/** `action`, with the image there as far as the policy allows. It is done again when it is refused for want of the image. */
export async function withPulledImage<T>(
  engine: EngineClient,
  cli: Cli,
  wanted: WantedImage,
  action: () => Promise<T>,
): Promise<T> {
  if (wanted.policy === 'always') await pull(engine, cli, wanted, PullOrder.REGISTRY_FIRST);
  try {
    return await action();
  } catch (error) {
    if (wanted.policy !== 'missing' || !isGantryError(error) || error.code !== 'IMAGE_NOT_FOUND') throw error;
    await pullMissing(engine, cli, wanted);
    return await action();
  }
}

/** The same for what can't be done twice: asks first whether the image is there. */
export async function ensureImage(engine: EngineClient, cli: Cli, wanted: WantedImage): Promise<void> {
  if (wanted.policy === 'always') await pull(engine, cli, wanted, PullOrder.REGISTRY_FIRST);
  else if (wanted.policy === 'missing' && !(await imageExists(engine, wanted.image, wanted.platform))) {
    await pullMissing(engine, cli, wanted);
  }
}

async function pullMissing(engine: EngineClient, cli: Cli, wanted: WantedImage): Promise<void> {
  const name = familiarName(withDefaultTag(parseReference(wanted.image)));
  await complain(cli, `Unable to find image '${name}' locally`);
  // Any copy will do, as one that was here would.
  await pull(engine, cli, wanted, PullOrder.CLUSTER_FIRST);
}

/** Shown on standard error: the container's output is what standard output is for. */
async function pull(engine: EngineClient, cli: Cli, wanted: WantedImage, order: PullOrder): Promise<void> {
  const { image: reference, quiet, platform = '' } = wanted;
  await pullImage(engine, cli, { reference, platform, allTags: false, quiet, order, stream: cli.stderr });
}
