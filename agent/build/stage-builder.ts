/** Builds one stage: its instructions one after the other, each from the state that the one before has left. */
import { GantryError } from '../../proto/errors.ts';
import { emptyImageDocument } from '../image/image-config.ts';
import { refuseForeign } from '../platform/emulation.ts';
import { fits, type Platform, platformName } from '../platform/platform.ts';
import { type CacheEntry, cacheKey } from './build-cache.ts';
import { argDeclarations, type Stage } from './build-plan.ts';
import type { StepProgress, StepTitle } from './build-progress.ts';
import { changeConfig, shellOf, withSearchPath } from './config-changes.ts';
import { type CopySource, copyIdentity, impliedDirectories, namesOwners, planCopy, runCopy } from './copy-step.ts';
import { type Instruction, parseTrigger } from './dockerfile.ts';
import { historyText } from './history-text.ts';
import { instructionError, withPlaceLater } from './instruction-error.ts';
import { proxyVariables, runCommand, stepEnvironment } from './run-command.ts';
import { parseRunMount } from './run-mounts.ts';
import { StageFiles, type StageFilesParts } from './stage-files.ts';
import { expanderOf, type StageState, type StepResult, withConfigChange, withLayer } from './stage-state.ts';
import { StepMounts, type StepMountsParts } from './step-mounts.ts';
import { parseStepNetwork, type StepFile, type StepLimits, type StepNetwork, type StepRunner } from './step-runner.ts';
import { expandWord } from './words.ts';
import { makeWorkingDirectory } from './working-directory.ts';

export interface StageBuilderParts extends StageFilesParts {
  readonly runner: StepRunner;
  readonly mounts: Omit<StepMountsParts, 'source'>;
  readonly args: Readonly<Record<string, string>>;
  readonly network: StepNetwork;
  readonly extraHosts: readonly string[];
  readonly limits: StepLimits;
  readonly usesCache: (stage: Stage) => boolean;
  /** Of the whole build: layers that are made or being made, by what they are the same by. */
  readonly made: Map<string, Promise<CacheEntry>>;
  /** How many the build is for. */
  readonly platforms: 'one' | 'several';
  /** Waits for its turn among all builds' steps. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Instructions that are steps for the user: the others take no time. */
const STEPS: ReadonlySet<Instruction['keyword']> = new Set(['RUN', 'COPY', 'ADD', 'WORKDIR']);

/** How many steps of a stage are shown, with FROM. */
export function countSteps({ instructions }: Stage): number {
  return 1 + instructions.filter(({ keyword }) => STEPS.has(keyword)).length;
}

export class StageBuilder {
  readonly #parts: StageBuilderParts;
  readonly #stage: Stage;
  readonly #files: StageFiles;
  #number = 0;
  #total: number;

  constructor(parts: StageBuilderParts, stage: Stage) {
    this.#parts = parts;
    this.#stage = stage;
    this.#total = countSteps(stage);
    this.#files = new StageFiles(parts, stage);
  }

  async build(): Promise<StageState> {
    const { from, sources, instructions } = this.#stage;
    const base = await withPlaceLater(from, () => this.#begin());
    for (const { base: source, instruction } of sources.values()) {
      if (source.kind === 'image') await withPlaceLater(instruction, () => this.#files.image(source.reference));
    }
    const triggers = base.document.onBuild.map((text) => parseTrigger(text, from));
    this.#total += triggers.filter(({ keyword }) => STEPS.has(keyword)).length;
    const config = withSearchPath(base.document.config);
    let state: StageState = { ...base, document: { ...base.document, config, onBuild: [] } };
    for (const instruction of [...triggers, ...instructions]) {
      this.#parts.signal.throwIfAborted();
      const before = state;
      state = await withPlaceLater(instruction, () => this.#apply(before, instruction));
    }
    return state;
  }

  async #begin(): Promise<StageState> {
    const { base, from, platform } = this.#stage;
    const fresh = { args: new Map<string, string>(), hasOwnCommand: false, steps: [] };
    const title = this.#title(from);
    if (base.kind === 'stage') {
      const below = await this.#parts.stage(base.index);
      // ARGs of the stage below are known here, too.
      return { ...(await this.#parts.progress.step(title, async () => below)), hasOwnCommand: false };
    }
    return await this.#parts.progress.step(title, async ({ tell }) => {
      const empty = {
        document: emptyImageDocument(platform ?? this.#parts.images.platform),
        layers: [],
        chain: [],
        ...fresh,
      };
      if (base.kind === 'scratch') return empty;
      if (base.kind === 'files')
        return withLayer(empty, await this.#files.namedLayer(base.name), `CONTEXT ${base.name}`);
      const { manifest, chainIds, document: from } = await this.#files.image(base.reference, tell);
      const document = { ...from, buildCache: undefined };
      if (platform !== undefined && !fits(document, platform)) throw wrongPlatform(base.reference, document, platform);
      return { document, layers: manifest.layers, chain: chainIds, ...fresh };
    });
  }

  async #apply(state: StageState, instruction: Instruction): Promise<StageState> {
    switch (instruction.keyword) {
      case 'RUN':
        return await this.#run(state, instruction);
      case 'COPY':
      case 'ADD':
        return await this.#copy(state, instruction);
      case 'WORKDIR':
        return await this.#makeWorkingDirectory(this.#change(state, instruction), instruction);
      default:
        return this.#change(state, instruction);
    }
  }

  /** Instructions without files. */
  #change(state: StageState, instruction: Instruction): StageState {
    const { document } = state;
    const { summary, text } = instruction;
    switch (instruction.keyword) {
      case 'ARG':
        return withConfigChange(this.#declare(state, instruction), summary);
      case 'MAINTAINER':
        return withConfigChange({ ...state, document: { ...document, author: text } }, summary);
      case 'ONBUILD':
        return withConfigChange({ ...state, document: { ...document, onBuild: [...document.onBuild, text] } }, summary);
      default: {
        const { config } = document;
        const expander = expanderOf(state, this.#parts.plan.escapeChar);
        const changed = changeConfig({ config, hasOwnCommand: state.hasOwnCommand }, instruction, expander);
        if (changed === undefined) throw new GantryError('INTERNAL', `${instruction.keyword} has no meaning`);
        const next = { ...document, config: changed.config };
        const createdBy = historyText(instruction, expander, changed.config);
        return withConfigChange({ ...state, document: next, hasOwnCommand: changed.hasOwnCommand }, createdBy);
      }
    }
  }

  /** A value from the command line wins; without a default, that of an ARG before the first FROM counts. */
  #declare(state: StageState, instruction: Instruction): StageState {
    const { plan, args } = this.#parts;
    const values = new Map(state.args);
    for (const { name, value } of argDeclarations(instruction, plan.escapeChar)) {
      const fallback = plan.globalArgs.get(name);
      const own =
        value === undefined ? fallback : expandWord(value, expanderOf({ ...state, args: values }, plan.escapeChar));
      const given = args[name] ?? own;
      if (given !== undefined) values.set(name, given);
    }
    return { ...state, args: values };
  }

  async #run(state: StageState, instruction: Instruction): Promise<StageState> {
    const { runner, args, extraHosts, limits, plan, signal } = this.#parts;
    const { config } = state.document;
    refuseForeign(instruction.summary, state.document, this.#parts.images.platform);
    const { argv, script } = runCommand(instruction, shellOf(config));
    const environment = stepEnvironment(state);
    const expander = expanderOf(state, plan.escapeChar);
    const mounts = (instruction.lists.get('mount') ?? []).map((text) => parseRunMount(text, expander, config.dir));
    const network = parseStepNetwork(instruction.flags.get('network') ?? this.#parts.network);
    const step = { argv, user: config.user, cwd: config.dir || '/', network, extraHosts, limits };
    const real = new StepMounts({
      ...this.#parts.mounts,
      source: (name) => this.#files.source(name, instruction),
    });
    const mounted = mounts.length === 0 ? [] : [await real.identity(mounts)];
    const unusual = [...(network === 'default' ? [] : [network]), ...(script === undefined ? [] : [script])];
    const identity = [argv, environment, config.user, config.dir, ...mounted, ...unusual];
    const entry = await this.#layer(state, instruction, ['RUN', identity], async (rootfs, { output }) => {
      const code = await real.use(mounts, async (ready) => {
        const env = [...proxyVariables(args, environment), ...environment, ...ready.env];
        const files = [...(script === undefined ? [] : [scriptFile(script)]), ...ready.files];
        return await runner.run({ ...step, rootfs, env, mounts: ready.mounts, files }, output, signal);
      });
      if (code !== 0) throw instructionError(instruction, `${instruction.summary}: exit code ${code}`);
    });
    return withLayer(state, entry, `RUN ${argv.join(' ')}`);
  }

  async #copy(state: StageState, instruction: Instruction): Promise<StageState> {
    const { images, context, signal } = this.#parts;
    const { workers } = images;
    const plan = planCopy(instruction, expanderOf(state, this.#parts.plan.escapeChar), state.document.config.dir);
    const from = instruction.flags.get('from');
    const keepOwners = from !== undefined;
    const owners = keepOwners && plan.chown === undefined ? 'keep' : 'ignore';
    const { patterns, layout, excludes } = plan;
    const remotes: CopySource[] = [];
    for (const remote of plan.remotes) remotes.push(await this.#files.fetch(remote, plan));
    const copied = await this.#files.withRoot(from, instruction, async (root) => {
      const scanned = await workers.run({ kind: 'scan', root, patterns, owners, layout, excludes });
      const sources: CopySource[] = [{ kind: 'local', root, scanned, keepOwners }, ...remotes];
      const identity = [copyIdentity(plan), owners, ...sources.map((source) => source.scanned.digest)];
      const tools = { workers, scratch: () => context.scratch(), signal };
      const work = (rootfs: string) => runCopy(plan, sources, rootfs, tools);
      const isLinked = instruction.flags.get('link') === 'true' && !namesOwners(plan);
      const implied = isLinked ? impliedDirectories(plan, sources) : undefined;
      return await this.#layer(state, instruction, [isLinked ? 'LINK' : 'COPY', identity], work, implied);
    });
    return withLayer(state, copied, instruction.summary);
  }

  async #makeWorkingDirectory(state: StageState, instruction: Instruction): Promise<StageState> {
    const { dir, user } = state.document.config;
    const identity = user === '' ? dir : [dir, user];
    const entry = await this.#layer(state, instruction, ['WORKDIR', identity], async (rootfs) =>
      makeWorkingDirectory(rootfs, dir, user),
    );
    if (entry.layer === undefined) return state;
    // The history entry that the config's change has made becomes the layer's.
    const history = state.document.history.slice(0, -1);
    return withLayer({ ...state, document: { ...state.document, history } }, entry, `WORKDIR ${dir}`);
  }

  /** `identity` is what the result depends on besides the layers below; `implied` as in LayerStep. */
  async #layer(
    state: StageState,
    instruction: Instruction,
    [keyword, identity]: readonly [string, unknown],
    change: (rootfs: string, step: StepProgress) => Promise<void>,
    implied?: readonly string[],
  ): Promise<StepResult> {
    const { steps, progress, inTurn, usesCache, lease, sourceTimeMs } = this.#parts;
    const title = this.#title(instruction);
    const time = sourceTimeMs === undefined ? [] : [sourceTimeMs];
    const below = state.chain.at(-1) ?? null;
    const key = cacheKey(keyword, implied === undefined ? below : implied, identity, ...time);
    const useCache = usesCache(this.#stage);
    // Stages that are the same for several platforms are made once, also without the cache.
    const same = cacheKey(key, below, useCache);
    const known = this.#parts.made.get(same);
    if (known !== undefined) {
      const entry = await known;
      progress.cached(title);
      return { ...entry, key };
    }
    const making = steps.run({
      ...{ chain: state.chain, implied, key, useCache, lease },
      sourceTimeMs,
      cached: () => progress.cached(title),
      perform: (work) =>
        progress.step(title, (step) =>
          inTurn(() => work((rootfs) => withPlaceLater(instruction, () => change(rootfs, step)))),
        ),
    });
    this.#parts.made.set(same, making);
    return { ...(await making), key };
  }

  /** As BuildKit names steps: the stage where there are several, and the step's place in it. */
  #title({ summary }: Instruction): StepTitle {
    const { index, name } = this.#stage;
    const several = this.#parts.plan.stages.length > 1;
    const stage = several || name !== undefined ? `${name ?? `stage-${index}`} ` : '';
    return { place: `${this.#platformTitle()}${stage}${++this.#number}/${this.#total}`, text: summary };
  }

  /** What it is made on, and for, where the same is also made for others. */
  #platformTitle(): string {
    const { plan, images, platforms } = this.#parts;
    if (platforms === 'one') return '';
    const own = platformName(this.#stage.platform ?? images.platform);
    const target = platformName(plan.targetPlatform);
    const os = `${plan.targetPlatform.os}/`;
    return own === target ? `${own} ` : `${own}->${own.startsWith(os) ? target.slice(os.length) : target} `;
  }
}

function wrongPlatform(reference: string, image: Platform, wanted: Platform): GantryError {
  const message = `${reference} is for ${platformName(image)}, and the stage for ${platformName(wanted)}`;
  return new GantryError('UNSUPPORTED', message, {
    hint: 'write FROM --platform=$BUILDPLATFORM for a stage that only builds, or build on a host of that platform',
  });
}

function scriptFile({ path, content }: { readonly path: string; readonly content: string }): StepFile {
  return { target: path, content: Buffer.from(content), uid: 0, gid: 0, mode: 0o755 };
}
