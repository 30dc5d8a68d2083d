import { GantryError, toGantryError } from '../../proto/errors.ts';
import { BuildResult, type ImageBuildResponse } from '../../proto/generated/gantry/v1/engine.ts';
import { parseReference } from '../../proto/image-reference.ts';
import { type Platform, parseTargetPlatforms } from '../platform/platform.ts';
import type { EventQueue } from '../stream/event-queue.ts';
import { sourceTime, unusedArguments } from './build-arguments.ts';
import type { BuildCall, BuildOutcome, BuildRunParts } from './build-call.ts';
import { ignoreFiles } from './build-context.ts';
import type { SshMessage } from './build-input.ts';
import { type BuildPlan, planBuild } from './build-plan.ts';
import { type BuildSources, openSources } from './build-sources.ts';
import { exportCache } from './cache-transfer.ts';
import { checkDockerfile, parseCheckSettings, violationError } from './checks.ts';
import { takeFromCluster } from './cluster-builds.ts';
import { type Dockerfile, parseDockerfile } from './dockerfile.ts';
import { makeImages } from './image-making.ts';
import { keyOfSources, nameAgain, tellKnown } from './known-build.ts';
import { namedContexts } from './named-contexts.ts';
import { sourceExcerpt } from './source-excerpt.ts';
import { buildStages, cacheTransfer } from './stages.ts';

/** A Dockerfile as it was read. */
interface Source {
  readonly name: string;
  readonly text: string;
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
    const contexts = namedContexts(options.namedContexts, sources.layouts.references);
    const planFor = (targetPlatform: Platform | undefined) =>
      planBuild(dockerfile, { target, args, contexts, platform, targetPlatform });
    const [first, ...others] = parseTargetPlatforms(options.platform, platform);
    const plan = planFor(first);
    const plans = [plan, ...others.map(planFor)] as const;
    const settings = parseCheckSettings(dockerfile.check);
    const warnings = checkDockerfile(plan, dockerfile, settings);
    for (const warning of warnings) {
      const excerpt = sourceExcerpt(source, dockerfile, `${source.name}:${warning.line}:`) ?? '';
      events.push({ message: { $case: 'warning', value: { ...warning, excerpt } } });
    }
    if (results.includes(BuildResult.CHECK)) return undefined;
    if (settings.areErrors && warnings.length > 0) throw violationError(warnings);
    const key = plans.length > 1 ? undefined : await keyOfSources(this.#parts.images, options, source, sources.context);
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
    return await this.#buildPlans(plans, sources, key);
  }

  async #buildPlans(
    plans: readonly [BuildPlan, ...BuildPlan[]],
    sources: BuildSources,
    key: string | undefined,
  ): Promise<BuildOutcome> {
    const { results, cacheExport } = this.#call.options;
    const making = { shared: this.#parts, call: this.#call, sourceTimeMs: this.#sourceTimeMs };
    const { targets, others, bases, isRepeatable } = await buildStages({ ...making, plans, sources });
    this.#warnOfUnusedArguments(plans[0]);
    const [first, ...rest] = targets.map(({ state }) => state);
    if (first === undefined) throw new GantryError('INTERNAL', 'a build for no platform');
    const states = [first, ...rest] as const;
    // First: a build that fails names nothing.
    const transfer = cacheTransfer(this.#parts, this.#call);
    const cacheImage = cacheExport && (await exportCache(transfer, cacheExport, states, others));
    if (results.length === 0 || results.includes(BuildResult.IMAGE)) {
      const { id, manifestDigest } = await makeImages(making, states);
      if (key !== undefined && isRepeatable) await this.#parts.known.note(key, { image: manifestDigest, bases });
      this.#call.events.push({ message: { $case: 'imageId', value: id } });
    }
    return { targets, cacheImage };
  }

  #warnOfUnusedArguments(plan: BuildPlan): void {
    const unused = unusedArguments(plan, this.#call.options);
    if (unused.length === 0) return;
    const text = `warning: build arguments that no ARG declares: ${unused.join(', ')}\n`;
    this.#call.events.push({ message: { $case: 'output', value: Buffer.from(text) } });
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

function checkTag(tag: string): void {
  if (parseReference(tag).digest === undefined) return;
  throw new GantryError('INVALID_ARGUMENT', `invalid tag ${tag}: a digest can't be chosen`);
}
