/** What platforms images are for: what was built, what their registry says, or the nodes, where the state can keep it. */
import type { RegistryFacts } from '../../proto/generated/gantry/v1/control.ts';
import { toldPlatforms } from '../images/image-pins.ts';
import { type PlatformsOf, platformsOf } from '../images/image-platforms.ts';
import { FORMAT_OF_PLATFORMS } from '../store/state-format.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { theCluster } from '../store/the-cluster.ts';
import type { ApiContext } from './context.ts';

/** A manager that doesn't know of platforms would lose them: then none are known. */
export function knownPlatforms(
  { images }: Pick<ApiContext, 'images'>,
  read: ReadTransaction,
  facts: RegistryFacts | undefined,
): PlatformsOf {
  if (theCluster(read).stateFormat < FORMAT_OF_PLATFORMS) return () => [];
  const nodes = read.find('node', { by: 'all' });
  return (image) => {
    const told = toldPlatforms(image, facts);
    return told.length > 0 ? told : platformsOf(image, nodes, images);
  };
}
