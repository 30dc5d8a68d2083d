/** {@link Builder} on this host: receives the context, plans, builds the stages, makes and names the image. */
import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import type {
  BuildCachePruneResponse,
  BuildCacheUsage,
  ImageBuildOptions,
  ImageBuildResponse,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import { parseReference } from '../../proto/image-reference.ts';
import { encodeImageDocument, type ImageDocument } from '../image/image-config.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { Lease } from '../image/lease.ts';
import type { SnapshotStore } from '../image/snapshot-store.ts';
import type { ImageSource } from '../registry/image-source.ts';
import { Slots } from '../registry/slots.ts';
import type { EventQueue } from '../stream/event-queue.ts';
import { eventStream } from '../stream/event-stream.ts';
import { BaseImages } from './base-images.ts';
import { BuildCache, cacheKey } from './build-cache.ts';
import { type BuildContext, BuildContexts } from './build-context.ts';
import { type BuildPlan, planBuild } from './build-plan.ts';
import { BuildProgress } from './build-progress.ts';
import type { Builder } from './builder.ts';
import { CacheMounts } from './cache-mounts.ts';
import { type CachePruneOptions, cacheUsage, planCachePrune } from './cache-prune.ts';
import { parseDockerfile } from './dockerfile.ts';
import { LayerSteps } from './layer-steps.ts';
import { checkPlatform } from './platform.ts';
import { countSteps, StageBuilder, type StageBuilderParts } from './stage-builder.ts';
import { StageGraph } from './stage-graph.ts';
import type { StageState } from './stage-state.ts';
import { parseStepNetwork, type StepRunner } from './step-runner.ts';

export interface ImageBuilderParts {
  /** DATA_ROOT */
  readonly dir: string;
  readonly images: ImageStore;
  readonly snapshots: SnapshotStore;
  readonly runner: StepRunner;
  readonly bases: ImageSource;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly random: RandomBytes;
  readonly logger: Logger;
}

/** A step that waits for the network leaves room for others. */
const LEAST_STEPS_AT_ONCE = 4;

export class ImageBuilder implements Builder {
  readonly #parts: ImageBuilderParts;
  readonly #cache: BuildCache;
  readonly #contexts: BuildContexts;
  readonly #caches: CacheMounts;
  readonly #steps: LayerSteps;
  readonly #slots = new Slots(Math.max(LEAST_STEPS_AT_ONCE, availableParallelism()));

  constructor(parts: ImageBuilderParts) {
    const { dir, images, snapshots, clock, random } = parts;
    const logger = parts.logger.child({ component: 'builder' });
    this.#parts = parts;
    this.#cache = new BuildCache({ dir, clock, logger });
    this.#contexts = new BuildContexts({ dir, workers: images.workers, random });
    this.#caches = new CacheMounts({ dir, workers: images.workers, clock, random, logger });
    this.#steps = new LayerSteps({ dir, images, snapshots, cache: this.#cache, clock, random });
    images.garbage.addSource(() => this.#cache.roots());
  }

  /** Reads the cache and clears what cut-off builds left. After the stores' open, before any other call. */
  async open(): Promise<void> {
    await this.#cache.open();
    await this.#contexts.open();
    await this.#caches.open();
    await this.#parts.runner.recover();
    await this.#steps.open();
  }

  build(
    options: ImageBuildOptions,
    context: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncGenerator<ImageBuildResponse, void, undefined> {
    return eventStream<ImageBuildResponse>(signal, async (events, either) => {
      try {
        await this.#build(options, context, either, events);
      } catch (error) {
        throw either.aborted ? cancelled(error) : error;
      }
    });
  }

  cacheUsage(): BuildCacheUsage[] {
    const inImages = new Set([...this.#parts.images.state.images.values()].flatMap(({ chainIds }) => chainIds));
    return [...cacheUsage(this.#cache.entries(), (layer) => inImages.has(layer)), ...this.#caches.usage()];
  }

  async pruneCache(options: CachePruneOptions): Promise<BuildCachePruneResponse> {
    const pruned = planCachePrune(this.cacheUsage(), options);
    const ids = pruned.map(({ id }) => id);
    await this.#cache.drop(ids);
    await this.#caches.drop(ids);
    this.#parts.images.garbage.schedule();
    const freed = pruned.filter(({ shared }) => !shared);
    return {
      deleted: ids,
      reclaimedBytes: freed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    };
  }

  async #build(
    options: ImageBuildOptions,
    archive: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    events: EventQueue<ImageBuildResponse>,
  ): Promise<void> {
    for (const tag of options.tags) checkTag(tag);
    checkPlatform(options.platform, this.#parts.images.platform);
    const sourceTimeMs = sourceTime(options.args);
    using lease = this.#parts.images.garbage.lease();
    const context = await this.#context(options, archive, signal);
    try {
      const { name, text } = await context.readDockerfile(options.dockerfile, options.dockerfileText);
      const { target, args } = options;
      const plan = planBuild(parseDockerfile(text, name), { target, args, platform: this.#parts.images.platform });
      await context.applyIgnoreFile(name);
      const state = await this.#buildStages(plan, options, { context, sourceTimeMs, lease }, signal, events);
      const record = await this.#finish(state, options, sourceTimeMs, lease);
      warnOfUnusedArguments(plan, options, events);
      events.push({ message: { $case: 'imageId', value: record } });
    } finally {
      await context.remove();
      await this.#cache.save();
    }
  }

  async #context(
    { contextUrl }: ImageBuildOptions,
    archive: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<BuildContext> {
    if (contextUrl === '') return await this.#contexts.receive(archive, signal);
    return await this.#contexts.fetch(contextUrl, signal);
  }

  async #buildStages(
    plan: BuildPlan,
    options: ImageBuildOptions,
    { context, ...common }: Pick<StageBuilderParts, 'context' | 'sourceTimeMs' | 'lease'>,
    outerSignal: AbortSignal,
    events: EventQueue<ImageBuildResponse>,
  ): Promise<StageState> {
    const { images, runner, clock } = this.#parts;
    const failed = new AbortController();
    const signal = AbortSignal.any([outerSignal, failed.signal]);
    const total = plan.needed.reduce((sum, stage) => sum + countSteps(stage), 0);
    const scratch = () => context.scratch();
    const { workers } = images;
    const graph: StageGraph<StageState> = new StageGraph(plan, (stage) => new StageBuilder(parts, stage).build());
    const parts: StageBuilderParts = {
      ...{ images, runner, plan, context, signal, ...common, steps: this.#steps },
      bases: new BaseImages({ images, source: this.#parts.bases, options, signal }),
      mounts: {
        ...{ workers, caches: this.#caches, contextRoot: context.root, secrets: options.secrets, scratch, signal },
      },
      args: options.args,
      network: parseStepNetwork(options.network || 'default'),
      extraHosts: options.extraHosts,
      useCache: !options.noCache,
      progress: new BuildProgress(events, clock, total),
      inTurn: (work) => this.#slots.use(work, signal),
      stage: (index) => graph.state(index),
    };
    return await graph.run(() => failed.abort());
  }

  /** The image's time is its sources', or that of its first build: built again from the cache, it is the same image. */
  async #finish(
    state: StageState,
    options: ImageBuildOptions,
    sourceTimeMs: number | undefined,
    lease: Lease,
  ): Promise<string> {
    const { config } = state.document;
    const labels = { ...config.labels, ...options.labels };
    const document: ImageDocument = { ...state.document, config: { ...config, labels }, created: undefined };
    const key = cacheKey('IMAGE', encodeImageDocument(document).toString());
    const known = options.noCache ? undefined : this.#cache.get(key);
    const createdAtMs = sourceTimeMs ?? known?.createdAtMs ?? this.#parts.clock();
    if (known === undefined) await this.#cache.put(key, { layer: undefined, createdAtMs });
    const created = new Date(createdAtMs).toISOString();
    return (await this.#parts.images.create({ ...document, created }, state.layers, options.tags, lease)).id;
  }
}

/** SOURCE_DATE_EPOCH, seconds, as milliseconds. Source: reproducible-builds.org/specs/source-date-epoch. */
function sourceTime({ SOURCE_DATE_EPOCH: seconds }: ImageBuildOptions['args']): number | undefined {
  if (seconds === undefined || seconds === '') return undefined;
  if (/^\d{1,11}$/.test(seconds)) return Number(seconds) * 1000;
  throw new GantryError('INVALID_ARGUMENT', `SOURCE_DATE_EPOCH=${seconds} is no time`, {
    hint: 'write seconds since 1970: $(git log -1 --format=%ct)',
  });
}

function checkTag(tag: string): void {
  if (parseReference(tag).digest === undefined) return;
  throw new GantryError('INVALID_ARGUMENT', `invalid tag ${tag}: a digest can't be chosen`);
}

function warnOfUnusedArguments(
  plan: BuildPlan,
  { args }: ImageBuildOptions,
  events: EventQueue<ImageBuildResponse>,
): void {
  const isPredefined = (name: string) => /_proxy$/i.test(name) || name === 'SOURCE_DATE_EPOCH';
  const unused = Object.keys(args).filter((name) => !plan.declaredArgs.has(name) && !isPredefined(name));
  if (unused.length === 0) return;
  const text = `warning: build arguments that no ARG declares: ${unused.join(', ')}\n`;
  events.push({ message: { $case: 'output', value: Buffer.from(text) } });
}

function cancelled(cause: unknown): GantryError {
  return new GantryError('CANCELLED', 'the build was cancelled', { cause });
}
