/** What was built, by digest: services are pinned to it, and roll when a build has given another image. */
import type { RegistryFacts } from '../../proto/generated/gantry/v1/control.ts';
import { EngineClient } from '../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../cli.ts';
import type { LoadedService } from '../compose/load-stack.ts';
import { ask, withClient } from '../connection.ts';

/** By image; those that are built must be there. On the host that has built them they stay when the tag goes to the next build. */
export async function pinBuiltImages(
  cli: Cli,
  services: readonly Pick<LoadedService, 'image' | 'build'>[],
): Promise<RegistryFacts['built']> {
  const images = new Set(services.flatMap(({ image, build }) => (build === undefined ? [] : [image])));
  if (images.size === 0) return {};
  return await withClient(EngineClient, cli, async (engine) => {
    const pins = [...images].map(
      async (image) => [image, await ask(engine, engine.imagePin, { reference: image })] as const,
    );
    return Object.fromEntries(await Promise.all(pins));
  });
}
