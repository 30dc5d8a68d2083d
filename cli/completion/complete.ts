/**
 * What may come next on a command line. All of it is read off the commands themselves, as they are declared, so that a new
 * command or flag is offered as soon as there is one.
 */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { newCommand } from '../command-line.ts';
import { FLAGS_BEFORE_VERB, verbFirst } from '../commands/compose-words.ts';
import { lookUp } from '../commands/lookup.ts';
import { COMMANDS, type CommandEntry, NOUNS } from '../commands/registry.ts';
import { ContextStore, configDirectory } from '../context/context-store.ts';
import { chooseTarget } from '../context/target.ts';
import { GLOBAL_FLAGS, type GlobalOptions, parseGlobalOptions } from '../global-options.ts';
import { CommandLine } from './command-line.ts';
import { type Kind, kindOfArgument, kindOfValue } from './kinds.ts';
import { namesOf } from './names.ts';

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** Names of files fit, too: those of the shell's own. */
  readonly files: boolean;
}

const NOTHING: Completion = { candidates: [], files: false };

/** `words`: what is typed behind "gantry", up to the cursor; the last is the one to complete, "" where nothing is of it yet. */
export async function complete(words: readonly string[], cli: Cli): Promise<Completion> {
  const current = words.at(-1) ?? '';
  const globals = readGlobals(words.slice(0, -1));
  if (globals === undefined) return await globalValue(words, cli);
  if (globals.config !== undefined) {
    cli.contexts = () => new ContextStore(configDirectory(globals.config, cli.env));
  }
  const isOfLine = globals.host !== undefined || globals.context !== undefined || globals.config !== undefined;
  if (isOfLine) cli.target = chooseTarget(globals, cli.env, () => cli.contexts().current());
  const found = await nextWord([...globals.rest, current], cli);
  const candidates = found.candidates.filter(({ value }) => value.startsWith(current));
  return { ...found, candidates: candidates.sort((a, b) => (a.value < b.value ? -1 : 1)) };
}

/** Undefined: the last of them still needs a value. */
function readGlobals(before: readonly string[]): GlobalOptions | undefined {
  try {
    return parseGlobalOptions(before);
  } catch {
    return undefined;
  }
}

async function globalValue(words: readonly string[], cli: Cli): Promise<Completion> {
  const flag = words.at(-2) ?? '';
  const current = words.at(-1) ?? '';
  if (flag !== '-c' && flag !== '--context') return { candidates: [], files: /^--(config|tls)/.test(flag) };
  const candidates = (await namesOf('context', cli, { composeFiles: [] })).map(plain);
  return { candidates: candidates.filter(({ value }) => value.startsWith(current)), files: false };
}

async function nextWord(words: readonly string[], cli: Cli): Promise<Completion> {
  const [first = ''] = words;
  if (words.length === 1) return { candidates: first.startsWith('-') ? GLOBAL_FLAGS : firstWords(), files: false };
  const noun = NOUNS.find(({ name, aliases }) => name === first || aliases.includes(first))?.name;
  const [verb = HERE] = noun === 'compose' ? verbFirst([...words.slice(1, -1), HERE]) : words.slice(1, -1);
  if (noun !== undefined && verb === HERE) return { candidates: verbsOf(noun, words.at(-1) ?? ''), files: false };
  if (noun === 'compose' && verb.startsWith('-')) return await valueBeforeVerb(words, cli);
  const found = lookUp(words.slice(0, -1));
  if (found.kind !== 'command') return NOTHING;
  const name = noun === undefined ? found.entry.names[0] : `${noun} ${verb}`;
  return await argumentOf(found.entry, name, [...found.rest, words.at(-1) ?? ''], cli);
}

function firstWords(): Candidate[] {
  const ofOneWord = COMMANDS.flatMap(({ names, summary }) =>
    names.filter((name) => !name.includes(' ')).map((value) => ({ value, description: summary })),
  );
  return [...NOUNS.map(({ name, summary }) => ({ value: name, description: summary })), ...ofOneWord];
}

/** Stands for the word that isn't there yet. */
const HERE = '\0';

/** `compose --profile x up`: of a flag before the verb. */
async function valueBeforeVerb(words: readonly string[], cli: Cli): Promise<Completion> {
  const flag = words.at(-2) ?? '';
  if (flag !== '--profile') return { candidates: [], files: /^(-f|--file|--env-file|--project-directory)$/.test(flag) };
  const files = words.flatMap((word, index) => (/^(-f|--file)$/.test(word) ? [words[index + 1] ?? ''] : []));
  return { candidates: (await namesOf('compose profile', cli, { composeFiles: files })).map(plain), files: false };
}

/** Each by its first name: others are for fingers that know them. Compose's flags may stand before them. */
function verbsOf(noun: string, current: string): Candidate[] {
  if (noun === 'compose' && current.startsWith('-')) return FLAGS_BEFORE_VERB.map(plain);
  return COMMANDS.flatMap(({ names: [name], summary }) =>
    name.startsWith(`${noun} `) ? [{ value: name.slice(noun.length + 1), description: summary }] : [],
  );
}

async function argumentOf(entry: CommandEntry, name: string, words: readonly string[], cli: Cli): Promise<Completion> {
  const command = newCommand(name, entry.summary);
  (await entry.load()).define(command, cli);
  const line = new CommandLine(command, words);
  const { next } = line;
  switch (next.kind) {
    case 'nothing':
      return NOTHING;
    case 'flag':
      return { candidates: flagsOf(command, line), files: false };
    case 'value': {
      const found = await valuesOf(kindOfValue(next.option, name), line, cli);
      const values = found.candidates.map(({ value, description }) => ({ value: next.prefix + value, description }));
      return { ...found, candidates: values };
    }
    case 'argument':
      return await valuesOf(kindOfArgument(next.argument, name), line, cli);
  }
}

function flagsOf(command: Command, line: CommandLine): Candidate[] {
  const shown = command.options.filter((option) => !option.hidden && !line.isSpent(option));
  const flags = shown.flatMap(({ long, short, description }) =>
    [long, short].flatMap((value) => (value === undefined || value === null ? [] : [{ value, description }])),
  );
  return [...flags, { value: '--help', description: 'print this and exit' }];
}

async function valuesOf(kind: Kind, line: CommandLine, cli: Cli): Promise<Completion> {
  if (kind.kind === 'words') return { candidates: kind.words.map(plain), files: false };
  if (kind.kind === 'files') return { candidates: [], files: true };
  if (kind.kind === 'free') return NOTHING;
  const given = new Set(line.operands);
  const names = await namesOf(kind.of, cli, { composeFiles: line.valuesOf('--compose-file', '--file') });
  const candidates = names.filter((name) => !given.has(name)).map((name) => plain(name + (kind.suffix ?? '')));
  return { candidates, files: false };
}

function plain(value: string): Candidate {
  return { value, description: '' };
}
