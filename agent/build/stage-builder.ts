/** Builds one stage: its instructions one after the other, each from the state that the one before has left. */
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import { makeDirectoryInRoot } from '../container/root-files.ts';
import { emptyImageDocument, type ImageDocument } from '../image/image-config.ts';
import type { ImageStore } from '../image/image-store.ts';
import { compareText } from '../image/text-order.ts';
import type { BaseImages } from './base-images.ts';
import { cacheKey } from './build-cache.ts';
import type { BuildContext } from './build-context.ts';
import { argDeclarations, type BuildPlan, platformArgs, type Stage, type StageBase } from './build-plan.ts';
import { changeConfig, shellOf } from './config-changes.ts';
import { type CopySource, copyIdentity, planCopy, runCopy } from './copy-step.ts';
import { type Instruction, instructionError, parseExecForm } from './dockerfile.ts';
import type { LayerSteps } from './layer-steps.ts';
import { expanderOf, type StageState, withConfigChange, withLayer } from './stage-state.ts';
import type { StepRunner } from './step-runner.ts';
import { expandWord } from './words.ts';

export interface BuildProgress {
  /** Once per instruction, before its output. */
  step(instruction: Instruction, cached: boolean): void;
  output(data: Uint8Array): void;
}

export interface StageBuilderParts {
  readonly images: ImageStore;
  readonly bases: BaseImages;
  readonly steps: LayerSteps;
  readonly runner: StepRunner;
  readonly plan: BuildPlan;
  readonly context: BuildContext;
  readonly args: Readonly<Record<string, string>>;
  readonly useCache: boolean;
  readonly progress: BuildProgress;
  readonly signal: AbortSignal;
  /** Stages that are built already, by index. */
  readonly finished: ReadonlyMap<number, StageState>;
}

/** Given to every RUN without being declared, and no part of the cache's key: docs.docker.com, "Predefined ARGs". */
const PROXY_ARGS = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [
  name,
  name.toLowerCase(),
]);

export class StageBuilder {
  readonly #parts: StageBuilderParts;

  constructor(parts: StageBuilderParts) {
    this.#parts = parts;
  }

  async build(stage: Stage): Promise<StageState> {
    let state = await at(stage.from, () => this.#begin(stage));
    for (const [instruction, source] of stage.sources) {
      if (source.kind === 'image') await at(instruction, () => this.#parts.bases.ensure(source.reference));
    }
    for (const instruction of stage.instructions) {
      this.#parts.signal.throwIfAborted();
      const before = state;
      state = await at(instruction, () => this.#apply(before, instruction, stage));
    }
    return state;
  }

  async #begin(stage: Stage): Promise<StageState> {
    this.#parts.progress.step(stage.from, false);
    const { base } = stage;
    if (base.kind === 'stage') return { ...this.#finished(base.index), args: new Map(), hasOwnCommand: false };
    if (base.kind === 'scratch') {
      const document = emptyImageDocument(this.#parts.images.platform);
      return { document, layers: [], chain: [], args: new Map(), hasOwnCommand: false };
    }
    await this.#parts.bases.ensure(base.reference);
    const { document, manifest, chainIds } = this.#parts.images.find(base.reference);
    refuseTriggers(document, base.reference);
    return { document, layers: manifest.layers, chain: chainIds, args: new Map(), hasOwnCommand: false };
  }

  async #apply(state: StageState, instruction: Instruction, stage: Stage): Promise<StageState> {
    switch (instruction.keyword) {
      case 'RUN':
        return await this.#run(state, instruction);
      case 'COPY':
      case 'ADD':
        return await this.#copy(state, instruction, stage);
      case 'WORKDIR':
        return await this.#makeWorkingDirectory(this.#change(state, instruction), instruction);
      default:
        this.#parts.progress.step(instruction, false);
        return this.#change(state, instruction);
    }
  }

  /** Instructions without files. */
  #change(state: StageState, instruction: Instruction): StageState {
    if (instruction.keyword === 'ARG') return withConfigChange(this.#declare(state, instruction), instruction.summary);
    if (instruction.keyword === 'MAINTAINER') {
      return withConfigChange(
        { ...state, document: { ...state.document, author: instruction.text } },
        instruction.summary,
      );
    }
    const { config } = state.document;
    const changed = changeConfig(
      { config, hasOwnCommand: state.hasOwnCommand },
      instruction,
      expanderOf(state, this.#parts.plan.escapeChar),
    );
    if (changed === undefined) throw new GantryError('INTERNAL', `${instruction.keyword} has no meaning`);
    const document = { ...state.document, config: changed.config };
    return withConfigChange({ ...state, document, hasOwnCommand: changed.hasOwnCommand }, instruction.summary);
  }

  /** A value from the command line wins; without a default, that of an ARG before the first FROM counts. */
  #declare(state: StageState, instruction: Instruction): StageState {
    const { plan, args, images } = this.#parts;
    const values = new Map(state.args);
    for (const { name, value } of argDeclarations(instruction, plan.escapeChar)) {
      const fallback = plan.globalArgs.get(name) ?? platformArgs(images.platform).get(name);
      const own =
        value === undefined ? fallback : expandWord(value, expanderOf({ ...state, args: values }, plan.escapeChar));
      const given = args[name] ?? own;
      if (given !== undefined) values.set(name, given);
    }
    return { ...state, args: values };
  }

  async #run(state: StageState, instruction: Instruction): Promise<StageState> {
    const { config } = state.document;
    const argv = runArguments(instruction, shellOf(config));
    const environment = stepEnvironment(state);
    const identity = [argv, environment, config.user, config.dir];
    const key = cacheKey('RUN', state.chain.at(-1) ?? null, identity);
    const entry = await this.#layer(state, instruction, key, async (rootfs) => {
      const env = [...this.#proxies(environment), ...environment];
      const step = { rootfs, argv, env, user: config.user, cwd: config.dir || '/' };
      const code = await this.#parts.runner.run(step, (data) => this.#parts.progress.output(data), this.#parts.signal);
      if (code !== 0) throw instructionError(instruction, `${instruction.summary}: exit code ${code}`);
    });
    return withLayer(state, entry, `RUN ${argv.join(' ')}`);
  }

  #proxies(environment: readonly string[]): string[] {
    const given = PROXY_ARGS.filter((name) => this.#parts.args[name] !== undefined);
    return given
      .filter((name) => !environment.some((entry) => entry.startsWith(`${name}=`)))
      .map((name) => `${name}=${this.#parts.args[name]}`);
  }

  async #copy(state: StageState, instruction: Instruction, stage: Stage): Promise<StageState> {
    const plan = planCopy(instruction, expanderOf(state, this.#parts.plan.escapeChar), state.document.config.dir);
    const copied = await this.#withSource(stage.sources.get(instruction), async (root, keepOwners) => {
      const owners = keepOwners && plan.chown === undefined ? 'keep' : 'ignore';
      const scanned = await this.#parts.images.workers.run({ kind: 'scan', root, patterns: plan.patterns, owners });
      const source: CopySource = { root, scanned, keepOwners };
      const identity = [copyIdentity(plan), owners, scanned.digest];
      const key = cacheKey('COPY', state.chain.at(-1) ?? null, identity);
      return await this.#layer(state, instruction, key, (rootfs) =>
        runCopy(plan, source, rootfs, this.#parts.images.workers),
      );
    });
    return withLayer(state, copied, instruction.summary);
  }

  /** Where COPY takes its files: the context, or the root file system of a stage or image. */
  async #withSource<T>(
    source: StageBase | undefined,
    work: (root: string, keepOwners: boolean) => Promise<T>,
  ): Promise<T> {
    if (source === undefined) return await work(this.#parts.context.root, false);
    return await this.#parts.steps.withRootfs(this.#chainOf(source), (rootfs) => work(rootfs, true));
  }

  #chainOf(base: StageBase): readonly Digest[] {
    if (base.kind === 'stage') return this.#finished(base.index).chain;
    return base.kind === 'image' ? this.#parts.images.find(base.reference).chainIds : [];
  }

  #finished(index: number): StageState {
    const state = this.#parts.finished.get(index);
    if (state === undefined) throw new GantryError('INTERNAL', `stage ${index} is needed before it is built`);
    return state;
  }

  async #makeWorkingDirectory(state: StageState, instruction: Instruction): Promise<StageState> {
    const { dir } = state.document.config;
    const key = cacheKey('WORKDIR', state.chain.at(-1) ?? null, dir);
    const entry = await this.#layer(state, instruction, key, async (rootfs) => makeDirectoryInRoot(rootfs, dir));
    if (entry.layer === undefined) return state;
    // The history entry that the config's change has made becomes the layer's.
    const history = state.document.history.slice(0, -1);
    return withLayer({ ...state, document: { ...state.document, history } }, entry, instruction.summary);
  }

  async #layer(state: StageState, instruction: Instruction, key: string, change: (rootfs: string) => Promise<void>) {
    return await this.#parts.steps.run({
      chain: state.chain,
      key,
      useCache: this.#parts.useCache,
      announce: (cached) => this.#parts.progress.step(instruction, cached),
      change,
    });
  }
}

/** Arguments that have a value, then the config's environment, which wins. */
function stepEnvironment(state: StageState): string[] {
  const { env } = state.document.config;
  const isSet = (name: string) => env.some((entry) => entry.startsWith(`${name}=`));
  const args = [...state.args].filter(([name]) => !isSet(name)).map(([name, value]) => `${name}=${value}`);
  return [...args.sort(compareText), ...env];
}

/** The exec form as it is; the shell form, with here-documents put back, through the shell. */
function runArguments({ text, heredocs }: Instruction, shell: readonly string[]): string[] {
  const exec = parseExecForm(text);
  if (exec !== undefined) return exec;
  const [only] = heredocs;
  // RUN <<EOF: the document is the script.
  if (only !== undefined && heredocs.length === 1 && text === only.marker) return scriptArguments(only.content, shell);
  const documents = heredocs.map(({ name, content }) => `\n${content}${name}`);
  return [...shell, text + documents.join('')];
}

function scriptArguments(content: string, shell: readonly string[]): string[] {
  if (!content.startsWith('#!')) return [...shell, content];
  throw new GantryError('UNSUPPORTED', 'a here-document that begins with #! is not supported', {
    hint: 'name the interpreter: RUN python3 <<EOF',
  });
}

function refuseTriggers({ onBuild }: ImageDocument, reference: string): void {
  if (onBuild.length === 0) return;
  throw new GantryError('UNSUPPORTED', `the base image ${reference} has ONBUILD instructions: ${onBuild.join('; ')}`, {
    hint: 'use a base image without them, and write them into this Dockerfile',
  });
}

/** Errors of an instruction say where it is; those that do already are left alone. */
async function at<T>(instruction: Instruction, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message, hint } = toGantryError(error);
    if (message.startsWith(`${instruction.file}:${instruction.line}: `) || code === 'CANCELLED') throw error;
    if (error instanceof Error && error.name === 'AbortError') throw error;
    throw instructionError(instruction, message, { code, hint, cause: error });
  }
}
