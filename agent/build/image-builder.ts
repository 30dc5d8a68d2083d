/** {@link Builder} on this host: what builds share, and what is kept of them. */
import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import type { BuildKnownRequest, BuildKnownResponse } from '../../proto/generated/gantry/v1/dispatcher.ts';
import {
  type BuildCachePruneResponse,
  type BuildCacheUsage,
  BuildResult,
  type ImageBuildOptions,
  type ImageBuildResponse,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import { archiveFiles } from '../image/archive-layout.ts';
import { writeArchive } from '../image/archive-writer.ts';
import type { ImageRecord } from '../image/image-index.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { Lease } from '../image/lease.ts';
import type { SnapshotStore } from '../image/snapshot-store.ts';
import { platformName } from '../platform/platform.ts';
import type { ImageSource, ImageTarget } from '../registry/image-source.ts';
import { Slots } from '../registry/slots.ts';
import { eventStream } from '../stream/event-stream.ts';
import { BuildCache } from './build-cache.ts';
import type { BuildOutcome, BuildRunParts, BuiltTarget, ClusterBuilds } from './build-call.ts';
import { BuildContexts } from './build-context.ts';
import type { BuildMessage } from './build-input.ts';
import { runBuild } from './build-run.ts';
import type { Builder } from './builder.ts';
import { CacheMounts } from './cache-mounts.ts';
import { type CachePruneOptions, cacheUsage, planCachePrune } from './cache-prune.ts';
import { Downloads } from './downloads.ts';
import { KeptContexts } from './kept-contexts.ts';
import { KnownBuilds } from './known-builds.ts';
import { LayerSteps } from './layer-steps.ts';
import type { StepRunner } from './step-runner.ts';

export interface ImageBuilderParts {
  /** DATA_ROOT */
  readonly dir: string;
  readonly images: ImageStore;
  readonly snapshots: SnapshotStore;
  readonly runner: StepRunner;
  readonly bases: ImageSource;
  readonly cacheTarget: ImageTarget;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly random: RandomBytes;
  /** /proc/sys/kernel/random/boot_id */
  readonly bootId: string;
  /** What other hosts of the cluster have built; undefined while this one is in none. */
  readonly cluster: () => ClusterBuilds | undefined;
  readonly logger: Logger;
}

/** A step that waits for the network leaves room for others. */
const LEAST_STEPS_AT_ONCE = 4;

export class ImageBuilder implements Builder {
  readonly #parts: ImageBuilderParts;
  readonly #cache: BuildCache;
  readonly #contexts: BuildContexts;
  readonly #kept: KeptContexts;
  readonly #caches: CacheMounts;
  readonly #downloads: Downloads;
  readonly #steps: LayerSteps;
  readonly #known: KnownBuilds;
  readonly #run: BuildRunParts;

  constructor(parts: ImageBuilderParts) {
    const { dir, images, snapshots, clock, random, bootId } = parts;
    const logger = parts.logger.child({ component: 'builder' });
    this.#parts = parts;
    this.#cache = new BuildCache({ dir, clock, logger });
    this.#kept = new KeptContexts({ dir, clock, bootId, logger });
    this.#contexts = new BuildContexts({ dir, workers: images.workers, random, kept: this.#kept });
    this.#caches = new CacheMounts({ dir, workers: images.workers, clock, random, logger });
    this.#downloads = new Downloads({ dir, clock, random, logger });
    this.#steps = new LayerSteps({ dir, images, snapshots, cache: this.#cache, clock, random });
    this.#known = new KnownBuilds({ dir, images, logger });
    const slots = new Slots(Math.max(LEAST_STEPS_AT_ONCE, availableParallelism()));
    this.#run = {
      ...{ images, clock, runner: parts.runner, bases: parts.bases, cache: this.#cache, contexts: this.#contexts },
      cacheTarget: parts.cacheTarget,
      cluster: parts.cluster,
      logger,
      ...{ caches: this.#caches, downloads: this.#downloads, steps: this.#steps, known: this.#known },
      inTurn: (work, signal) => slots.use(work, signal),
    };
    images.garbage.addSource(() => this.#cache.roots());
  }

  /** Reads the cache and clears what cut-off builds left. After the stores' open, before any other call. */
  async open(): Promise<void> {
    await this.#cache.open();
    await this.#contexts.open();
    await this.#kept.open();
    await this.#known.open();
    await this.#caches.open();
    await this.#downloads.open();
    await this.#parts.runner.recover();
    await this.#steps.open();
  }

  async *build(
    options: ImageBuildOptions,
    messages: AsyncIterable<BuildMessage>,
    signal: AbortSignal,
  ): AsyncGenerator<ImageBuildResponse, void, undefined> {
    using lease = this.#parts.images.garbage.lease();
    let outcome: BuildOutcome | undefined;
    yield* eventStream<ImageBuildResponse>(signal, async (events, either) => {
      try {
        outcome = await runBuild(this.#run, { options, messages, signal: either, events, lease });
      } catch (error) {
        throw either.aborted ? cancelled(error) : error;
      }
    });
    if (outcome === undefined) return;
    const { targets, cacheImage } = outcome;
    if (cacheImage !== undefined && options.cacheExport?.files === true) yield* this.#cacheFiles(cacheImage, lease);
    if (options.results.includes(BuildResult.FILES)) yield* this.#files(targets);
  }

  /** As an OCI layout. */
  async *#cacheFiles(record: ImageRecord, { content }: Lease): AsyncGenerator<ImageBuildResponse, void, undefined> {
    const files = archiveFiles([{ record, names: [] }], (digest) => content.size(digest));
    for await (const value of writeArchive(files, content)) yield { message: { $case: 'cacheFiles', value } };
  }

  /** Sent as fast as they are taken; of several platforms each in a directory of its own, as buildx has them. */
  async *#files(targets: readonly BuiltTarget[]): AsyncGenerator<ImageBuildResponse, void, undefined> {
    const trees = targets.map(({ platform, state: { chain } }) => {
      return { name: platformName(platform).replaceAll('/', '_'), chain };
    });
    const [first, ...others] = trees;
    if (first === undefined) return;
    const isOne = others.length === 0;
    const archive = isOne ? this.#steps.archiveRootfs(first.chain) : this.#steps.archiveRootfses(trees);
    for await (const value of archive) yield { message: { $case: 'files', value } };
  }

  known({ key, repository }: BuildKnownRequest): BuildKnownResponse {
    const build = this.#known.findWithBases(key);
    const isNamed = build !== undefined && this.#parts.images.named(`${repository}@${build.image}`) !== undefined;
    return isNamed ? { digest: build.image, bases: Object.fromEntries(build.bases) } : { digest: '', bases: {} };
  }

  cacheUsage(): BuildCacheUsage[] {
    const inImages = new Set([...this.#parts.images.state.images.values()].flatMap(({ chainIds }) => chainIds));
    const steps = cacheUsage(this.#cache.entries(), (layer) => inImages.has(layer));
    return [...steps, ...this.#caches.usage(), ...this.#downloads.usage(), ...this.#kept.usage()];
  }

  async pruneCache(options: CachePruneOptions): Promise<BuildCachePruneResponse> {
    const pruned = planCachePrune(this.cacheUsage(), options);
    const ids = pruned.map(({ id }) => id);
    await this.#cache.drop(ids);
    await this.#caches.drop(ids);
    await this.#downloads.drop(ids);
    await this.#kept.drop(ids);
    await this.#known.clear();
    this.#parts.images.garbage.schedule();
    const freed = pruned.filter(({ shared }) => !shared);
    return {
      deleted: ids,
      reclaimedBytes: freed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    };
  }
}

function cancelled(cause: unknown): GantryError {
  return new GantryError('CANCELLED', 'the build was cancelled', { cause });
}
