/** One build: from the options and what the client sends to the last stage's state, and the image that is made of it. */
import type { Logger } from 'pino';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import {
  BuildResult,
  type ImageBuildOptions,
  type ImageBuildResponse,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest } from '../../proto/ids.ts';
import { parseReference } from '../../proto/image-reference.ts';
import { encodeImageDocument, type ImageDocument } from '../image/image-config.ts';
import type { ImageRecord } from '../image/image-index.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { Lease } from '../image/lease.ts';
import type { ImageSource, ImageTarget } from '../registry/image-source.ts';
import type { EventQueue } from '../stream/event-queue.ts';
import { BaseImages } from './base-images.ts';
import { sourceTime, unusedArguments } from './build-arguments.ts';
import { type BuildCache, cacheKey } from './build-cache.ts';
import { type BuildContexts, ignoreFiles } from './build-context.ts';
import type { BuildMessage, SshMessage } from './build-input.ts';
import { type BuildPlan, findTarget, planBuild, type Stage } from './build-plan.ts';
import { BuildProgress } from './build-progress.ts';
import { type BuildSources, openSources } from './build-sources.ts';
import type { CacheMounts } from './cache-mounts.ts';
import { type CacheTransferParts, exportCache, takeCaches } from './cache-transfer.ts';
import { checkDockerfile, parseCheckSettings, violationError } from './checks.ts';
import { type ClusterBuilds, takeFromCluster } from './cluster-builds.ts';
import { type Dockerfile, parseDockerfile } from './dockerfile.ts';
import type { Downloads } from './downloads.ts';
import { encodeInlineCache } from './inline-cache.ts';
import { keyOfSources, nameAgain, tellKnown } from './known-build.ts';
import type { KnownBuilds } from './known-builds.ts';
import type { LayerSteps } from './layer-steps.ts';
import { namedContexts } from './named-contexts.ts';
import { parseTargetPlatform } from './platform.ts';
import { sourceExcerpt } from './source-excerpt.ts';
import { countSteps, StageBuilder, type StageBuilderParts } from './stage-builder.ts';
import { StageGraph } from './stage-graph.ts';
import type { StageState } from './stage-state.ts';
import { parseStepNetwork, type StepRunner } from './step-runner.ts';

/** What builds share. */
export interface BuildRunParts {
  readonly images: ImageStore;
  readonly runner: StepRunner;
  readonly bases: ImageSource;
  /** Where caches go. */
  readonly cacheTarget: ImageTarget;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly cache: BuildCache;
  readonly contexts: BuildContexts;
  readonly caches: CacheMounts;
  readonly downloads: Downloads;
  readonly steps: LayerSteps;
  readonly known: KnownBuilds;
  readonly cluster: () => ClusterBuilds | undefined;
  readonly logger: Logger;
  /** Waits for its turn among all builds' steps. */
  readonly inTurn: <T>(work: () => Promise<T>, signal: AbortSignal) => Promise<T>;
}

export interface BuildCall {
  readonly options: ImageBuildOptions;
  /** What the client sends after them. */
  readonly messages: AsyncIterable<BuildMessage>;
  readonly signal: AbortSignal;
  /** For the user. */
  readonly events: EventQueue<ImageBuildResponse>;
  /** Keeps what the build is made from, and what it gives. */
  readonly lease: Lease;
}

/** A Dockerfile as it was read. */
interface Source {
  readonly name: string;
  readonly text: string;
}

/** Of a build; the call's lease keeps what it is made of. */
export interface BuildOutcome {
  readonly target: StageState;
  /** Undefined: it wasn't asked for. */
  readonly cacheImage: ImageRecord | undefined;
}

interface BuiltStages {
  /** The target's state, then those of the stages that it needs. */
  readonly states: [StageState, ...StageState[]];
  readonly bases: ReadonlyMap<string, Digest>;
  /** All that it was made from is known to be the same when it is. */
  readonly isRepeatable: boolean;
}

/** Undefined when no step was asked for, or gone through. */
export async function runBuild(parts: BuildRunParts, call: BuildCall): Promise<BuildOutcome | undefined> {
  return await new BuildRun(parts, call).run();
}

class BuildRun {
  readonly #parts: BuildRunParts;
  readonly #call: BuildCall;
  readonly #sourceTimeMs: number | undefined;

  constructor(parts: BuildRunParts, call: BuildCall) {
    this.#parts = parts;
    this.#call = call;
    this.#sourceTimeMs = sourceTime(call.options.args);
  }

  async run(): Promise<BuildOutcome | undefined> {
    const { options, messages, signal, events } = this.#call;
    const { contexts, images } = this.#parts;
    for (const tag of options.tags) checkTag(tag);
    if (options.results.includes(BuildResult.KNOWN)) return await tellKnown(this.#parts, this.#call);
    const sendSsh = (value: SshMessage) => events.push({ message: { $case: 'ssh', value } });
    const sendWanted = (indexes: readonly number[]) =>
      events.push({ message: { $case: 'wanted', value: { indexes: [...indexes] } } });
    const sources = await openSources(options, { contexts, images, messages, sendSsh, sendWanted, signal });
    try {
      const source = await sources.context.readDockerfile(options.dockerfile, options.dockerfileText);
      await sources.context.applyIgnoreFile(ignoreFiles(options, source.name));
      return await withExcerpt(source, events, (dockerfile) => this.#buildFile(source, dockerfile, sources));
    } finally {
      await sources.remove();
    }
  }

  async #buildFile(source: Source, dockerfile: Dockerfile, sources: BuildSources): Promise<BuildOutcome | undefined> {
    const { options, events } = this.#call;
    const { platform } = this.#parts.images;
    const { target, args, results } = options;
    const targetPlatform = parseTargetPlatform(options.platform, platform);
    const contexts = namedContexts(options.namedContexts, sources.layouts.references);
    const plan = planBuild(dockerfile, { target, args, contexts, platform, targetPlatform });
    const settings = parseCheckSettings(dockerfile.check);
    const warnings = checkDockerfile(plan, dockerfile, settings);
    for (const warning of warnings) {
      const excerpt = sourceExcerpt(source, dockerfile, `${source.name}:${warning.line}:`) ?? '';
      events.push({ message: { $case: 'warning', value: { ...warning, excerpt } } });
    }
    if (results.includes(BuildResult.CHECK)) return undefined;
    if (settings.areErrors && warnings.length > 0) throw violationError(warnings);
    const key = await keyOfSources(this.#parts.images, options, source, sources.context);
    const known =
      key === undefined
        ? undefined
        : (this.#parts.known.find(key) ?? (await takeFromCluster(this.#parts, this.#call, key)));
    if (known !== undefined) {
      await nameAgain(this.#parts.images, known, options.tags);
      this.#warnOfUnusedArguments(plan);
      events.push({ message: { $case: 'imageId', value: known.id } });
      return undefined;
    }
    const { states, bases, isRepeatable } = await this.#buildStages(plan, sources);
    this.#warnOfUnusedArguments(plan);
    const { cacheExport } = options;
    // First: a build that fails names nothing.
    const cacheImage = cacheExport && (await exportCache(this.#cacheTransfer(), cacheExport, states));
    if (results.length === 0 || results.includes(BuildResult.IMAGE)) {
      const { id, manifestDigest } = await this.#makeImage(states[0]);
      if (key !== undefined && isRepeatable) await this.#parts.known.note(key, { image: manifestDigest, bases });
      events.push({ message: { $case: 'imageId', value: id } });
    }
    return { target: states[0], cacheImage };
  }

  #warnOfUnusedArguments(plan: BuildPlan): void {
    const unused = unusedArguments(plan, this.#call.options);
    if (unused.length === 0) return;
    const text = `warning: build arguments that no ARG declares: ${unused.join(', ')}\n`;
    this.#call.events.push({ message: { $case: 'output', value: Buffer.from(text) } });
  }

  async #buildStages(plan: BuildPlan, sources: BuildSources): Promise<BuiltStages> {
    const { options, events, lease } = this.#call;
    const { images, runner, clock, steps, downloads, caches } = this.#parts;
    const { context, named: namedFiles, layouts, ssh } = sources;
    const { workers } = images;
    const failed = new AbortController();
    const signal = AbortSignal.any([this.#call.signal, failed.signal]);
    const total = plan.needed.reduce((sum, stage) => sum + countSteps(stage), 0);
    const scratch = () => context.scratch();
    const bases = new BaseImages({ images, source: this.#parts.bases, options, signal });
    // The image isn't made from those that have caches.
    const cached = new BaseImages({ images, source: this.#parts.bases, options, signal });
    await takeCaches(this.#cacheTransfer(), cached, layouts);
    let isRepeatable = true;
    const onRemoteFiles = () => {
      isRepeatable = false;
    };
    const graph: StageGraph<StageState> = new StageGraph(plan, (stage) => new StageBuilder(parts, stage).build());
    const parts: StageBuilderParts = {
      ...{ images, runner, plan, context, namedFiles, signal, steps, downloads, lease, bases, onRemoteFiles },
      sourceTimeMs: this.#sourceTimeMs,
      mounts: { workers, caches, contextRoot: context.root, secrets: options.secrets, ssh, scratch, signal },
      args: options.args,
      network: parseStepNetwork(options.network || 'default'),
      extraHosts: options.extraHosts,
      limits: { sharedMemoryBytes: options.shmSizeBytes, ulimits: options.ulimits },
      usesCache: cacheUse(plan, options),
      progress: new BuildProgress(events, clock, total),
      inTurn: (work) => this.#parts.inTurn(work, signal),
      stage: (index) => graph.state(index),
    };
    try {
      const target = await graph.run(() => failed.abort());
      const others = plan.needed.filter(({ index }) => index !== plan.target.index);
      const states = await Promise.all(others.map(({ index }) => graph.state(index)));
      return { states: [target, ...states], bases: bases.used, isRepeatable };
    } finally {
      await this.#parts.cache.save();
    }
  }

  #cacheTransfer(): CacheTransferParts {
    const { options, events, lease, signal } = this.#call;
    const { images, cache, cacheTarget: target } = this.#parts;
    const tell = (line: string) => events.push({ message: { $case: 'output', value: Buffer.from(`${line}\n`) } });
    return { images, cache, target, options, lease, signal, tell };
  }

  /** The image's time is its sources', or that of its first build: built again from the cache, it is the same image. */
  async #makeImage(state: StageState): Promise<ImageRecord> {
    const { options, lease } = this.#call;
    const { cache, images, clock } = this.#parts;
    const { config } = state.document;
    const labels = { ...config.labels, ...options.labels };
    const buildCache = options.inlineCache ? encodeInlineCache(state.steps) : undefined;
    const document: ImageDocument = {
      ...state.document,
      config: { ...config, labels },
      created: undefined,
      buildCache,
    };
    const key = cacheKey('IMAGE', encodeImageDocument(document).toString());
    const known = options.noCache ? undefined : cache.get(key);
    const createdAtMs = this.#sourceTimeMs ?? known?.createdAtMs ?? clock();
    if (known === undefined) await cache.put(key, { layer: undefined, createdAtMs });
    const created = new Date(createdAtMs).toISOString();
    return await images.create({ ...document, created }, state.layers, options.tags, lease, options.annotations);
  }
}

/** Of an error that is about a line of the Dockerfile, that is shown. */
async function withExcerpt<T>(
  source: Source,
  events: EventQueue<ImageBuildResponse>,
  work: (dockerfile: Dockerfile) => Promise<T>,
): Promise<T> {
  let dockerfile: Dockerfile | undefined;
  try {
    dockerfile = parseDockerfile(source.text, source.name);
    return await work(dockerfile);
  } catch (error) {
    const value = sourceExcerpt(source, dockerfile, toGantryError(error).message);
    if (value !== undefined) events.push({ message: { $case: 'excerpt', value } });
    throw error;
  }
}

/** Which stages take steps from the cache. Throws INVALID_ARGUMENT for one that isn't there. */
function cacheUse(
  plan: BuildPlan,
  { noCache, noCacheStages }: Pick<ImageBuildOptions, 'noCache' | 'noCacheStages'>,
): (stage: Stage) => boolean {
  if (noCache) return () => false;
  const fresh = new Set(noCacheStages.map((name) => findTarget(plan.stages, name).index));
  return ({ index }) => !fresh.has(index);
}

function checkTag(tag: string): void {
  if (parseReference(tag).digest === undefined) return;
  throw new GantryError('INVALID_ARGUMENT', `invalid tag ${tag}: a digest can't be chosen`);
}
