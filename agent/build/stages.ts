/** Builds the stages of a Dockerfile, for all platforms that are wanted at once. */
import type { ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest } from '../../proto/ids.ts';
import { parseTargetPlatforms } from '../platform/platform.ts';
import { BaseImages } from './base-images.ts';
import type { BuildCall, BuildRunParts, BuiltTarget } from './build-call.ts';
import { type BuildPlan, findTarget, type Stage } from './build-plan.ts';
import { BuildProgress } from './build-progress.ts';
import type { BuildSources } from './build-sources.ts';
import { type CacheTransferParts, takeCaches } from './cache-transfer.ts';
import { countSteps, StageBuilder, type StageBuilderParts } from './stage-builder.ts';
import { StageGraph } from './stage-graph.ts';
import type { StageState } from './stage-state.ts';
import { parseStepNetwork } from './step-runner.ts';

export interface BuiltStages {
  /** Of each plan. */
  readonly targets: readonly BuiltTarget[];
  /** Of all plans, the stages that the targets need. */
  readonly others: readonly StageState[];
  readonly bases: ReadonlyMap<string, Digest>;
  /** All that it was made from is known to be the same when it is. */
  readonly isRepeatable: boolean;
}

export interface StagesParts {
  readonly shared: BuildRunParts;
  readonly call: BuildCall;
  /** One for each platform. */
  readonly plans: readonly BuildPlan[];
  readonly sources: BuildSources;
  /** See LayerStep. */
  readonly sourceTimeMs: number | undefined;
}

/** Throws the first failure, once all that was under way has ended. */
export async function buildStages(parts: StagesParts): Promise<BuiltStages> {
  const { shared, call, plans, sources } = parts;
  const failed = new AbortController();
  const signal = AbortSignal.any([call.signal, failed.signal]);
  const images = { images: shared.images, source: shared.bases, options: call.options, signal };
  const bases = new BaseImages(images);
  const platforms = parseTargetPlatforms(call.options.platform, shared.images.platform);
  // The image isn't made from those that have caches.
  await takeCaches(cacheTransfer(shared, call), new BaseImages(images), sources.layouts, platforms);
  let isRepeatable = true;
  const onRemoteFiles = () => {
    isRepeatable = false;
  };
  const common = { ...stageParts(parts, signal), bases, onRemoteFiles };
  const graphs = plans.map((plan) => stageGraph(plan, call.options, common));
  try {
    const states = await runAll(graphs, () => failed.abort());
    const targets = states.flatMap((state, index): BuiltTarget[] => {
      const platform = plans[index]?.targetPlatform;
      return platform === undefined ? [] : [{ platform, state }];
    });
    const others = await Promise.all(graphs.map((graph) => graph.others()));
    return { targets, others: others.flat(), bases: bases.used, isRepeatable };
  } finally {
    await shared.cache.save();
  }
}

export function cacheTransfer(
  { images, cache, cacheTarget: target }: BuildRunParts,
  { options, events, lease, signal }: BuildCall,
): CacheTransferParts {
  const tell = (line: string) => events.push({ message: { $case: 'output', value: Buffer.from(`${line}\n`) } });
  return { images, cache, target, options, lease, signal, tell };
}

/** What the stages of all platforms have in common. */
type CommonParts = Omit<StageBuilderParts, 'plan' | 'stage' | 'usesCache'>;

function stageParts(
  { shared, call, plans, sources, sourceTimeMs }: StagesParts,
  signal: AbortSignal,
): Omit<CommonParts, 'bases' | 'onRemoteFiles'> {
  const { options, events, lease } = call;
  const { images, runner, clock, steps, downloads, caches, inTurn } = shared;
  const { context, named: namedFiles, ssh } = sources;
  const scratch = () => context.scratch();
  const { secrets } = options;
  const total = plans.flatMap(({ needed }) => needed).reduce((sum, stage) => sum + countSteps(stage), 0);
  return {
    ...{ images, runner, context, namedFiles, signal, steps, downloads, lease, sourceTimeMs },
    mounts: { workers: images.workers, caches, contextRoot: context.root, secrets, ssh, scratch, signal },
    args: options.args,
    network: parseStepNetwork(options.network || 'default'),
    extraHosts: options.extraHosts,
    limits: { sharedMemoryBytes: options.shmSizeBytes, ulimits: options.ulimits },
    made: new Map(),
    platforms: plans.length === 1 ? 'one' : 'several',
    progress: new BuildProgress(events, clock, total),
    inTurn: (work) => inTurn(work, signal),
  };
}

function stageGraph(plan: BuildPlan, options: ImageBuildOptions, common: CommonParts): StageGraph<StageState> {
  const graph: StageGraph<StageState> = new StageGraph(plan, (stage) => new StageBuilder(parts, stage).build());
  const parts = {
    ...{ ...common, plan, usesCache: cacheUse(plan, options) },
    stage: (index: number) => graph.state(index),
  };
  return graph;
}

/** Each one's target. */
async function runAll(graphs: readonly StageGraph<StageState>[], cancel: () => void): Promise<StageState[]> {
  let failure: { readonly error: unknown } | undefined;
  const runs = graphs.map((graph) =>
    graph.run((error) => {
      failure ??= { error };
      cancel();
    }),
  );
  await Promise.allSettled(runs);
  if (failure !== undefined) throw failure.error;
  return await Promise.all(runs);
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
