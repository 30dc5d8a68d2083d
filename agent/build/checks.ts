/**
 * What a Dockerfile may say and had better not. Pure. Source: docs.docker.com/reference/build-checks, whose rules and
 * words these are.
 */
import { GantryError } from '../../proto/errors.ts';
import { argDeclarations, type BuildPlan, type Stage } from './build-plan.ts';
import { type Dockerfile, type Instruction, parseExecForm } from './dockerfile.ts';

export interface BuildWarning {
  readonly rule: string;
  readonly message: string;
  /** From 1 */
  readonly line: number;
}

/** `# check=`: rules that don't count, and whether those that do are errors. */
export interface CheckSettings {
  readonly skipped: ReadonlySet<string> | 'all';
  readonly areErrors: boolean;
}

type Rule = (plan: BuildPlan, dockerfile: Dockerfile) => readonly Found[];
interface Found {
  readonly at: Instruction;
  readonly message: string;
}

const SECRET_NAME = /(?:^|_)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)/i;
const PUBLIC_NAME = /(?:^|_)public(?:_|$)/i;

const RULES: Readonly<Record<string, Rule>> = {
  StageNameCasing: (plan) =>
    plan.stages
      .map(({ from }) => ({ at: from, name: stageWord(from) }))
      .filter(({ name }) => name !== name.toLowerCase())
      .map(({ at, name }) => ({ at, message: `Stage name '${name}' should be lowercase` })),
  FromAsCasing: (plan) =>
    plan.stages
      .map(({ from }) => ({ at: from, as: from.text.split(/\s+/)[1] ?? '', written: keywordOf(from) }))
      .filter(({ as, written }) => as !== '' && isUpper(as) !== isUpper(written))
      .map(({ at, as, written }) => ({ at, message: `'${as}' and '${written}' keywords' casing do not match` })),
  DuplicateStageName: ({ stages }) =>
    stages
      .filter(({ name }, index) => name !== undefined && stages.slice(0, index).some((above) => above.name === name))
      .map(({ from, name }) => ({ at: from, message: `Duplicate stage name "${name}", stage names should be unique` })),
  ReservedStageName: (plan) =>
    plan.stages
      .filter(({ name }) => name === 'scratch' || name === 'context')
      .map(({ from, name }) => ({
        at: from,
        message: `Stage name should not use the same name as reserved stage "${name}"`,
      })),
  ConsistentInstructionCasing: (_, { instructions }) => inconsistentCasing(instructions),
  JSONArgsRecommended: (plan) =>
    neededInstructions(plan)
      .filter(({ keyword, text }) => (keyword === 'CMD' || keyword === 'ENTRYPOINT') && !parseExecForm(text))
      .filter((at) => !hasShell(plan, at))
      .map((at) => ({
        at,
        message: `JSON arguments recommended for ${at.keyword} to prevent unintended behavior related to OS signals`,
      })),
  MaintainerDeprecated: (_, { instructions }) =>
    instructions
      .filter(({ keyword }) => keyword === 'MAINTAINER')
      .map((at) => ({ at, message: 'Maintainer instruction is deprecated in favor of using label' })),
  WorkdirRelativePath: (plan) => plan.needed.flatMap(relativeDirectory),
  MultipleInstructionsDisallowed: (plan) => plan.needed.flatMap(repeatedInstructions),
  LegacyKeyValueFormat: (_, { instructions }) =>
    instructions
      .filter(({ keyword, text }) => (keyword === 'ENV' || keyword === 'LABEL') && !/^\S*=/.test(text))
      .map((at) => ({
        at,
        message: `"${at.keyword} key=value" should be used instead of legacy "${at.keyword} key value" format`,
      })),
  RedundantTargetPlatform: (plan) =>
    plan.stages
      .filter(({ from }) => /^\$\{?TARGETPLATFORM\}?$/.test(from.flags.get('platform') ?? ''))
      .map(({ from }) => ({
        at: from,
        message: `Setting platform to predefined ${from.flags.get('platform')} in FROM is redundant as this is the default behavior`,
      })),
  SecretsUsedInArgOrEnv: (_, { instructions, escapeChar }) =>
    instructions
      .filter(({ keyword }) => keyword === 'ARG' || keyword === 'ENV')
      .flatMap((at) =>
        argDeclarations(at, escapeChar)
          .slice(0, at.text.includes('=') ? undefined : 1)
          .filter(({ name }) => SECRET_NAME.test(name) && !PUBLIC_NAME.test(name))
          .map(({ name }) => ({
            at,
            message: `Do not use ARG or ENV instructions for sensitive data (${at.keyword} "${name}")`,
          })),
      ),
};

/** In the order of the file. */
export function checkDockerfile(
  plan: BuildPlan,
  dockerfile: Dockerfile,
  { skipped }: Pick<CheckSettings, 'skipped'>,
): BuildWarning[] {
  if (skipped === 'all') return [];
  return Object.entries(RULES)
    .filter(([rule]) => !skipped.has(rule.toLowerCase()))
    .flatMap(([rule, find]) => find(plan, dockerfile).map(({ at, message }) => ({ rule, message, line: at.line })))
    .sort((a, b) => a.line - b.line);
}

/** Of "skip=RULE,RULE;error=true"; skip=all skips them all. Throws INVALID_ARGUMENT. */
export function parseCheckSettings(text: string | undefined): CheckSettings {
  let skipped: CheckSettings['skipped'] = new Set();
  let areErrors = false;
  for (const setting of (text ?? '').split(';').filter((part) => part.trim() !== '')) {
    const [, key = '', value = ''] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(setting) ?? [];
    const names = value.split(',').map((name) => name.trim().toLowerCase());
    if (key === 'skip') skipped = names.includes('all') ? 'all' : new Set(names);
    else if (key === 'error' && /^(?:true|false)$/i.test(value)) areErrors = value.toLowerCase() === 'true';
    else if (key !== 'experimental') {
      throw new GantryError('INVALID_ARGUMENT', `# check=${text}: ${JSON.stringify(setting)} is not known`, {
        hint: 'write skip=RULE,RULE or error=true, with ; between',
      });
    }
  }
  return { skipped, areErrors };
}

/** All of them are shown; this says which. */
export function violationError(warnings: readonly BuildWarning[]): GantryError {
  const rules = [...new Set(warnings.map(({ rule }) => rule))].sort().join(', ');
  return new GantryError('INVALID_ARGUMENT', `lint violation found for rules: ${rules}`, {
    hint: 'mend them, or take error=true out of # check=',
  });
}

function neededInstructions({ needed }: BuildPlan): Instruction[] {
  return needed.flatMap(({ instructions }) => instructions);
}

function keywordOf({ summary }: Instruction): string {
  return summary.split(' ')[0] ?? '';
}

function stageWord({ text }: Instruction): string {
  return text.split(/\s+/)[2] ?? '';
}

function isUpper(word: string): boolean {
  return word === word.toUpperCase();
}

/** The case that most instructions have is the right one. */
function inconsistentCasing(instructions: readonly Instruction[]): Found[] {
  const upper = instructions.filter((instruction) => isUpper(keywordOf(instruction))).length;
  const wanted = upper * 2 >= instructions.length ? 'uppercase' : 'lowercase';
  const fits = (word: string) => (wanted === 'uppercase' ? word.toUpperCase() : word.toLowerCase()) === word;
  return instructions
    .map((at) => ({ at, word: keywordOf(at) }))
    .filter(({ word }) => !fits(word))
    .map(({ at, word }) => ({
      at,
      message: `Command '${word}' should match the case of the command majority (${wanted})`,
    }));
}

/** A SHELL before says that the shell form is meant. */
function hasShell({ needed }: BuildPlan, at: Instruction): boolean {
  const stage = needed.find(({ instructions }) => instructions.includes(at));
  const before = stage?.instructions.slice(0, stage.instructions.indexOf(at)) ?? [];
  return before.some(({ keyword }) => keyword === 'SHELL');
}

/** Without an absolute one before, in the stage, it depends on what the base image says. */
function relativeDirectory({ instructions, base }: Stage): Found[] {
  if (base.kind === 'stage') return [];
  const [first] = instructions.filter(({ keyword }) => keyword === 'WORKDIR');
  if (first === undefined || /^["']?[/$]/.test(first.text)) return [];
  const message = `Relative workdir "${first.text}" can have unexpected results if the base image changes`;
  return [{ at: first, message }];
}

function repeatedInstructions({ instructions }: Stage): Found[] {
  return ['CMD', 'ENTRYPOINT', 'HEALTHCHECK'].flatMap((keyword) =>
    instructions
      .filter((instruction) => instruction.keyword === keyword)
      .slice(0, -1)
      .map((at) => ({
        at,
        message: `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`,
      })),
  );
}
