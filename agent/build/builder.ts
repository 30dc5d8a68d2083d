/** What the engine's API asks of the image builder. */
import type { BuildKnownRequest, BuildKnownResponse } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type {
  BuildCachePruneResponse,
  BuildCacheUsage,
  ImageBuildOptions,
  ImageBuildResponse,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { BuildMessage } from './build-input.ts';
import type { CachePruneOptions } from './cache-prune.ts';

export interface Builder {
  /**
   * Builds an image from a Dockerfile. `messages` bring a tar of the build context, plain, gzip or zstd, and what else
   * the options announce. Yields steps and
   * their output, and last the image's id. Throws INVALID_ARGUMENT and UNSUPPORTED with "Dockerfile:LINE: ...",
   * IMAGE_NOT_FOUND for a missing base, CANCELLED when `signal` aborts; a failed build names nothing and leaves
   * nothing but cached steps.
   */
  build(
    options: ImageBuildOptions,
    messages: AsyncIterable<BuildMessage>,
    signal: AbortSignal,
  ): AsyncIterable<ImageBuildResponse>;
  /** What was built here from the same before, for other hosts of the cluster. */
  known(request: BuildKnownRequest): BuildKnownResponse;
  /** What is kept of earlier builds. */
  cacheUsage(): BuildCacheUsage[];
  pruneCache(options: CachePruneOptions): Promise<BuildCachePruneResponse>;
}
