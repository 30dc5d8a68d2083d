/** {@link Builder} on this host: receives the context, plans, builds the stages, makes and names the image. */
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
import type { SnapshotStore } from '../image/snapshot-store.ts';
import { BaseImages, type BaseSource } from './base-images.ts';
import { BuildCache, cacheKey } from './build-cache.ts';
import { type BuildContext, BuildContexts } from './build-context.ts';
import { type BuildPlan, planBuild } from './build-plan.ts';
import type { Builder } from './builder.ts';
import { type CachePruneOptions, cacheUsage, planCachePrune } from './cache-prune.ts';
import { type Instruction, parseDockerfile } from './dockerfile.ts';
import { EventQueue } from './event-queue.ts';
import { LayerSteps } from './layer-steps.ts';
import { type BuildProgress, StageBuilder } from './stage-builder.ts';
import type { StageState } from './stage-state.ts';
import type { StepRunner } from './step-runner.ts';

export interface ImageBuilderParts {
  /** DATA_ROOT */
  readonly dir: string;
  readonly images: ImageStore;
  readonly snapshots: SnapshotStore;
  readonly runner: StepRunner;
  readonly bases: BaseSource;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly random: RandomBytes;
  readonly logger: Logger;
}

export class ImageBuilder implements Builder {
  readonly #parts: ImageBuilderParts;
  readonly #cache: BuildCache;
  readonly #contexts: BuildContexts;
  readonly #steps: LayerSteps;

  constructor(parts: ImageBuilderParts) {
    const { dir, images, snapshots, clock, random } = parts;
    const logger = parts.logger.child({ component: 'builder' });
    this.#parts = parts;
    this.#cache = new BuildCache({ dir, clock, logger });
    this.#contexts = new BuildContexts({ dir, workers: images.workers, random });
    this.#steps = new LayerSteps({ dir, images, snapshots, cache: this.#cache, clock, random });
    images.garbage.addSource(() => this.#cache.roots());
  }

  /** Reads the cache and clears what cut-off builds left. After the stores' open, before any other call. */
  async open(): Promise<void> {
    await this.#cache.open();
    await this.#contexts.open();
    await this.#parts.runner.recover();
    await this.#steps.open();
  }

  async *build(
    options: ImageBuildOptions,
    context: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncGenerator<ImageBuildResponse, void, undefined> {
    const { images } = this.#parts;
    const events = new EventQueue<ImageBuildResponse>();
    const abandoned = new AbortController();
    const either = AbortSignal.any([signal, abandoned.signal]);
    const work = images.garbage
      .hold(() => this.#build(options, context, either, events))
      .then(
        () => events.end(),
        (error: unknown) => events.end(either.aborted ? cancelled(error) : error),
      );
    try {
      yield* events;
    } finally {
      // The consumer may have left early: what it started must have ended when this returns.
      abandoned.abort();
      await work;
      images.garbage.schedule();
    }
  }

  cacheUsage(): BuildCacheUsage[] {
    const inImages = new Set([...this.#parts.images.state.images.values()].flatMap(({ chainIds }) => chainIds));
    return cacheUsage(this.#cache.entries(), (layer) => inImages.has(layer));
  }

  async pruneCache(options: CachePruneOptions): Promise<BuildCachePruneResponse> {
    const pruned = planCachePrune(this.cacheUsage(), options);
    await this.#cache.drop(pruned.map(({ id }) => id));
    this.#parts.images.garbage.schedule();
    const freed = pruned.filter(({ shared }) => !shared);
    return {
      deleted: pruned.map(({ id }) => id),
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
    const context = await this.#contexts.receive(archive, signal);
    try {
      const { name, text } = await context.readDockerfile(options.dockerfile, options.dockerfileText);
      const { target, args } = options;
      const plan = planBuild(parseDockerfile(text, name), { target, args, platform: this.#parts.images.platform });
      await context.applyIgnoreFile(name);
      const state = await this.#buildStages(plan, options, context, signal, events);
      const record = await this.#finish(state, options);
      warnOfUnusedArguments(plan, options, events);
      events.push({ message: { $case: 'imageId', value: record } });
    } finally {
      await context.remove();
      await this.#cache.save();
    }
  }

  async #buildStages(
    plan: BuildPlan,
    options: ImageBuildOptions,
    context: BuildContext,
    signal: AbortSignal,
    events: EventQueue<ImageBuildResponse>,
  ): Promise<StageState> {
    const { images, runner } = this.#parts;
    const finished = new Map<number, StageState>();
    const progress = stepEvents(plan, events);
    const useCache = !options.noCache;
    const { args } = options;
    const tell = (line: string) => progress.output(Buffer.from(`${line}\n`));
    const builder = new StageBuilder({
      images,
      bases: new BaseImages({ images, source: this.#parts.bases, options, tell, signal }),
      steps: this.#steps,
      runner,
      plan,
      context,
      args,
      useCache,
      progress,
      signal,
      finished,
    });
    let last: StageState | undefined;
    for (const stage of plan.stages) {
      last = await builder.build(stage);
      finished.set(stage.index, last);
    }
    if (last === undefined) throw new GantryError('INTERNAL', 'a build without stages');
    return last;
  }

  /** The image's time is that of its first build: built again from the cache, it is the same image. */
  async #finish(state: StageState, options: ImageBuildOptions): Promise<string> {
    const { config } = state.document;
    const labels = { ...config.labels, ...options.labels };
    const document: ImageDocument = { ...state.document, config: { ...config, labels }, created: undefined };
    const key = cacheKey('IMAGE', encodeImageDocument(document).toString());
    const known = options.noCache ? undefined : this.#cache.get(key);
    const createdAtMs = known?.createdAtMs ?? this.#parts.clock();
    if (known === undefined) await this.#cache.put(key, { layer: undefined, createdAtMs });
    const created = new Date(createdAtMs).toISOString();
    return (await this.#parts.images.create({ ...document, created }, state.layers, options.tags)).id;
  }
}

function stepEvents(plan: BuildPlan, events: EventQueue<ImageBuildResponse>): BuildProgress {
  const total = plan.stages.reduce((sum, { instructions }) => sum + 1 + instructions.length, 0);
  let number = 0;
  return {
    step({ summary }: Instruction, cached: boolean) {
      number++;
      events.push({ message: { $case: 'step', value: { number, total, text: summary, cached } } });
    },
    output(data) {
      events.push({ message: { $case: 'output', value: Buffer.from(data) } });
    },
  };
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
  const unused = Object.keys(args).filter((name) => !plan.declaredArgs.has(name) && !/_proxy$/i.test(name));
  if (unused.length === 0) return;
  const text = `warning: build arguments that no ARG declares: ${unused.join(', ')}\n`;
  events.push({ message: { $case: 'output', value: Buffer.from(text) } });
}

function cancelled(cause: unknown): GantryError {
  return new GantryError('CANCELLED', 'the build was cancelled', { cause });
}
