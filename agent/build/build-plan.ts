/** Which stages of a Dockerfile have to be built, on what, and for which target. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { normalVariant, type Platform, parseTargetPlatforms, platformName } from '../platform/platform.ts';
import type { Dockerfile, Instruction } from './dockerfile.ts';
import { instructionError, withPlace } from './instruction-error.ts';
import { findNamedContext, type NamedContext } from './named-contexts.ts';
import { mountSource } from './run-mounts.ts';
import { expandWord, splitPair, splitWords, type Variables } from './words.ts';

export type StageBase =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'image'; readonly reference: string }
  /** Of a named context. */
  | { readonly kind: 'files'; readonly name: string };

export interface Stage {
  readonly index: number;
  /** Lower case; undefined without AS. */
  readonly name: string | undefined;
  readonly from: Instruction;
  readonly base: StageBase;
  /** What its files are for, where that is said; undefined: what its base is for. */
  readonly platform: Platform | undefined;
  readonly instructions: readonly Instruction[];
  /** Where COPY --from and RUN --mount=from= of it take files, by what they call it. */
  readonly sources: ReadonlyMap<string, StageSource>;
}

export interface StageSource {
  readonly base: StageBase;
  /** The first that names it. */
  readonly instruction: Instruction;
}

export interface BuildPlan {
  /** All of them, in the order of the file. */
  readonly stages: readonly Stage[];
  /** Those that the target is made from, and it. */
  readonly needed: readonly Stage[];
  readonly target: Stage;
  /** What the image is for. */
  readonly targetPlatform: Platform;
  readonly escapeChar: string;
  /** ARGs before the first FROM, with their values. */
  readonly globalArgs: ReadonlyMap<string, string>;
  /** All names that an ARG declares, anywhere. */
  readonly declaredArgs: ReadonlySet<string>;
  /** What --build-context names, which comes before stages and images. */
  readonly contexts: ReadonlyMap<string, NamedContext>;
}

export interface PlanOptions {
  /** Name or number of a stage; empty: the last. */
  readonly target: string;
  readonly args: Readonly<Record<string, string>>;
  /** The host's, which builds. */
  readonly platform: Platform;
  /** Undefined: the host's. */
  readonly targetPlatform: Platform | undefined;
  readonly contexts: ReadonlyMap<string, NamedContext>;
}

/** Throws INVALID_ARGUMENT and UNSUPPORTED with file and line. */
export function planBuild(dockerfile: Dockerfile, options: PlanOptions): BuildPlan {
  const { instructions, escapeChar, file } = dockerfile;
  const first = instructions.findIndex(({ keyword }) => keyword === 'FROM');
  if (first === -1) throw new GantryError('INVALID_ARGUMENT', `${file}: there is no FROM`);
  const before = instructions.slice(0, first);
  const stray = before.find(({ keyword }) => keyword !== 'ARG');
  if (stray !== undefined)
    throw instructionError(stray, `${stray.keyword} before the first FROM; only ARG may come there`);
  const globalArgs = readGlobalArgs(before, escapeChar, options);
  const stages = readStages(instructions.slice(first), escapeChar, globalArgs, options);
  const target = findTarget(stages, options.target);
  return {
    stages,
    needed: neededStages(stages, target),
    target,
    targetPlatform: options.targetPlatform ?? options.platform,
    escapeChar,
    globalArgs,
    contexts: options.contexts,
    declaredArgs: new Set(
      instructions.filter(({ keyword }) => keyword === 'ARG').flatMap((arg) => argNames(arg, escapeChar)),
    ),
  };
}

/** What ARG means by platform names that Docker defines. */
function platformArgs({ platform, targetPlatform = platform }: PlanOptions): ReadonlyMap<string, string> {
  const of = (prefix: string, which: Platform): readonly (readonly [string, string])[] => [
    [`${prefix}PLATFORM`, platformName(which)],
    [`${prefix}OS`, which.os],
    [`${prefix}ARCH`, which.architecture],
    [`${prefix}VARIANT`, normalVariant(which)],
  ];
  return new Map([...of('TARGET', targetPlatform), ...of('BUILD', platform)]);
}

/** NAME or NAME=default, several in one instruction; the default not yet expanded. */
export function argDeclarations(
  { text }: Instruction,
  escapeChar: string,
): { name: string; value: string | undefined }[] {
  return splitWords(text, escapeChar).map((word) => {
    const { name, value } = splitPair(word) ?? { name: word, value: undefined };
    return { name, value };
  });
}

function argNames(instruction: Instruction, escapeChar: string): string[] {
  return argDeclarations(instruction, escapeChar).map(({ name }) => name);
}

function readGlobalArgs(
  declarations: readonly Instruction[],
  escapeChar: string,
  options: PlanOptions,
): Map<string, string> {
  const values = new Map(platformArgs(options));
  for (const instruction of declarations) {
    for (const { name, value } of argDeclarations(instruction, escapeChar)) {
      const given =
        options.args[name] ?? (value === undefined ? undefined : expand(instruction, value, escapeChar, values));
      if (given !== undefined) values.set(name, given);
    }
  }
  return values;
}

function readStages(
  instructions: readonly Instruction[],
  escapeChar: string,
  globalArgs: ReadonlyMap<string, string>,
  options: PlanOptions,
): Stage[] {
  const stages: Stage[] = [];
  for (const [position, from] of instructions.entries()) {
    if (from.keyword !== 'FROM') continue;
    const next = instructions.findIndex(({ keyword }, index) => index > position && keyword === 'FROM');
    const own = instructions.slice(position + 1, next === -1 ? undefined : next);
    const { reference, name, platform } = parseFrom(from, escapeChar, globalArgs, options);
    const index = stages.length;
    const sources = new Map<string, StageSource>();
    for (const instruction of own) {
      for (const source of sourceNames(instruction)) {
        if (sources.has(source)) continue;
        const base = findSource({ stages, contexts: options.contexts }, source, instruction);
        sources.set(source, { base, instruction });
      }
    }
    stages.push({
      index,
      name,
      from,
      platform,
      base: findBase({ stages, contexts: options.contexts }, reference),
      instructions: own,
      sources,
    });
  }
  return stages;
}

const STAGE_NAME = /^[a-z][a-z0-9_.-]*$/;

function parseFrom(
  from: Instruction,
  escapeChar: string,
  globalArgs: ReadonlyMap<string, string>,
  options: PlanOptions,
): { reference: string; name: string | undefined; platform: Platform | undefined } {
  const [image = '', as, name, ...rest] = from.text.split(/\s+/);
  if (rest.length > 0 || (as !== undefined && (as.toUpperCase() !== 'AS' || name === undefined))) {
    throw instructionError(from, 'FROM is written FROM IMAGE [AS NAME]');
  }
  const written = expand(from, from.flags.get('platform') ?? '', escapeChar, globalArgs);
  const [platform = options.targetPlatform, ...more] = withPlace(from, () =>
    parseTargetPlatforms(written, options.platform),
  );
  if (more.length > 0) throw instructionError(from, `--platform=${written}: a stage is for one platform`);
  const reference = expand(from, image, escapeChar, globalArgs);
  if (reference === '') {
    throw instructionError(from, `the base image ${image} is empty`, {
      hint: 'give the ARG a default, or use --build-arg',
    });
  }
  const lower = name?.toLowerCase();
  if (lower !== undefined && !STAGE_NAME.test(lower))
    throw instructionError(from, `invalid stage name ${JSON.stringify(name)}`);
  return { reference, name: lower, platform };
}

type Places = Pick<BuildPlan, 'stages' | 'contexts'>;

function findBase({ stages, contexts }: Places, reference: string): StageBase {
  const named = findNamedContext(contexts, reference);
  if (named !== undefined) return named;
  if (reference === 'scratch') return { kind: 'scratch' };
  // Of several with one name the nearest counts.
  const stage = stages.findLast(({ name }) => name === reference.toLowerCase());
  return stage === undefined ? { kind: 'image', reference } : { kind: 'stage', index: stage.index };
}

/** What the instruction takes files from, besides the context. */
export function sourceNames(instruction: Instruction): string[] {
  const copied = instruction.flags.get('from');
  const mounts = instruction.lists.get('mount') ?? [];
  const mounted = withPlace(instruction, () => mounts.flatMap((mount) => mountSource(mount) ?? []));
  return copied === undefined ? mounted : [copied];
}

/** A named context, a stage above by name or number, otherwise an image. */
export function findSource(places: Places, source: string, instruction: Instruction): StageBase {
  const { stages } = places;
  if (source.includes('$'))
    throw instructionError(instruction, 'variables in --from are not supported', {
      code: 'UNSUPPORTED',
      hint: 'make it a stage with FROM, and name that',
    });
  if (source === 'scratch') throw instructionError(instruction, '--from=scratch has no files');
  const base = findBase(places, source);
  if (base.kind === 'stage' || !/^\d+$/.test(source)) return base;
  if (Number(source) < stages.length) return { kind: 'stage', index: Number(source) };
  throw instructionError(instruction, `--from=${source} is not a stage above this one`);
}

/** By name or number; empty: the last. Throws INVALID_ARGUMENT. */
export function findTarget(stages: readonly Stage[], target: string): Stage {
  const last = stages.at(-1);
  const found =
    target === ''
      ? last
      : stages.findLast(({ name, index }) => name === target.toLowerCase() || String(index) === target);
  if (found !== undefined) return found;
  throw new GantryError('INVALID_ARGUMENT', `there is no stage ${JSON.stringify(target)}`, {
    hint: `stages are ${stages.map(({ name, index }) => name ?? index).join(', ')}`,
  });
}

function neededStages(stages: readonly Stage[], target: Stage): Stage[] {
  const needed = new Set<number>();
  const visit = (stage: Stage): void => {
    if (needed.has(stage.index)) return;
    needed.add(stage.index);
    for (const base of [stage.base, ...[...stage.sources.values()].map((source) => source.base)]) {
      const below = base.kind === 'stage' ? stages[base.index] : undefined;
      if (below !== undefined) visit(below);
    }
  };
  visit(target);
  return stages.filter(({ index }) => needed.has(index));
}

function expand(at: Instruction, text: string, escapeChar: string, values: ReadonlyMap<string, string>): string {
  const variables: Variables = (name) => values.get(name);
  return withPlace(at, () => expandWord(text, { variables, escapeChar }));
}
