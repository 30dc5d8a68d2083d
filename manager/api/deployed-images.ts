/** The images of what is deployed: pinned to what their registries have, as far as that is known. */
import { type RegistryFacts, ResolveImage } from '../../proto/generated/gantry/v1/control.ts';
import { PullPolicy, type ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import { isUnrecorded, withPinnedImage } from '../images/image-pins.ts';
import { FORMAT_OF_PULL_CREDENTIALS } from '../store/state-format.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { theCluster } from '../store/the-cluster.ts';
import type { ApiContext } from './context.ts';
import { notKnownToAll } from './known-format.ts';

export interface DeployRequest {
  readonly resolveImage?: ResolveImage | undefined;
  readonly registry?: RegistryFacts | undefined;
}

/** Services go by name: those that are there already keep what they are pinned to while nobody says otherwise. */
export function withPinnedImages<Spec extends ServiceSpec>(
  { images: nodes }: Pick<ApiContext, 'images'>,
  read: ReadTransaction,
  services: readonly Spec[],
  { resolveImage: resolve = ResolveImage.ALWAYS, registry: facts }: DeployRequest,
): Spec[] {
  return services.map((spec) => {
    const [before] = read.find('service', { by: 'name', value: spec.annotations?.name ?? '' });
    return withPinnedImage(spec, before?.spec.task.container.image, { resolve, facts, nodes });
  });
}

/** Of which the nodes may come to run different ones. */
export function unrecordedImages(
  read: ReadTransaction,
  services: readonly ServiceSpec[],
  { resolveImage = ResolveImage.ALWAYS, registry }: DeployRequest,
): string[] {
  // A node alone has nobody to differ from.
  if (resolveImage === ResolveImage.NEVER || read.find('node', { by: 'all' }).length < 2) return [];
  const images = services.flatMap(({ task }) =>
    task?.container === undefined || task.container.pullPolicy === PullPolicy.NEVER ? [] : [task.container.image],
  );
  return [...new Set(images.filter((image) => isUnrecorded(image) && !registry?.toBuild.includes(image)))];
}

/** WRONG_STATE: a manager that doesn't know of them would lose them. */
export function checkKnowsCredentials(read: ReadTransaction, { registry }: DeployRequest): void {
  const isGiven = Object.keys(registry?.credentials ?? {}).length > 0;
  if (isGiven && theCluster(read).stateFormat < FORMAT_OF_PULL_CREDENTIALS) {
    throw notKnownToAll("registries' credentials travel with services");
  }
}
