/** A Dockerfile as a list of instructions, checked as far as that needs no context. Pure. */
import { type Heredoc, takeHeredocs } from './heredoc.ts';
import { type InstructionPlace, instructionError } from './instruction-error.ts';
import { type Flags, type Keyword, takeFlags, toKeyword } from './instruction-flags.ts';
import { joinContinuations, splitInstructions } from './instruction-lines.ts';

export interface Instruction extends InstructionPlace, Omit<Flags, 'text'> {
  readonly keyword: Keyword;
  /** The arguments after the flags, with continuation lines joined and without here-documents' content. */
  readonly text: string;
  readonly heredocs: readonly Heredoc[];
  /** From 1; of a trigger, that of the FROM it stands at. */
  readonly lastLine: number;
  /** For users: as written, on one line. */
  readonly summary: string;
}

export interface Dockerfile {
  readonly file: string;
  /** "\" or "`" */
  readonly escapeChar: string;
  readonly instructions: readonly Instruction[];
  /** What `# check=` says; undefined without. */
  readonly check: string | undefined;
}

type Lines = InstructionPlace & Pick<Instruction, 'lastLine'>;

/** Throws INVALID_ARGUMENT and UNSUPPORTED as instructionError. */
export function parseDockerfile(content: string, file: string): Dockerfile {
  const text = content.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const directives = readDirectives(text);
  refuseForeignSyntax(directives.get('syntax'), file);
  const escapeChar = readEscape(directives.get('escape'), file);
  const instructions = splitInstructions(text.split('\n'), escapeChar).map(({ source, ...place }) =>
    parseInstruction(source, { file, ...place }, escapeChar),
  );
  return { file, escapeChar, instructions, check: directives.get('check')?.value };
}

const NO_TRIGGERS: ReadonlySet<Keyword> = new Set(['FROM', 'MAINTAINER', 'ONBUILD']);

/** An instruction that an image has for those built on it, as if it stood at `at`. Throws as {@link parseDockerfile}. */
export function parseTrigger(text: string, at: InstructionPlace): Instruction {
  const instruction = parseInstruction(text.split('\n'), { ...at, lastLine: at.line }, '\\');
  if (!NO_TRIGGERS.has(instruction.keyword)) return instruction;
  throw instructionError(at, `${instruction.keyword} isn't allowed as an ONBUILD trigger`);
}

interface Directive {
  readonly value: string;
  /** From 1 */
  readonly line: number;
}

/** By lower-case name: comments `# NAME=VALUE` before anything else, also before other comments. */
function readDirectives(text: string): ReadonlyMap<string, Directive> {
  const directives = new Map<string, Directive>();
  for (const [index, line] of text.split('\n').entries()) {
    const [, name, value = ''] = /^#\s*([A-Za-z]+)\s*=\s*(\S.*?)\s*$/.exec(line) ?? [];
    if (name === undefined) break;
    directives.set(name.toLowerCase(), { value, line: index + 1 });
  }
  return directives;
}

function readEscape(directive: Directive | undefined, file: string): string {
  const { value = '\\', line = 0 } = directive ?? {};
  if (value === '\\' || value === '`') return value;
  throw instructionError({ file, line }, `the escape character can't be ${value}`, { hint: 'it is \\ or `' });
}

/** `# syntax=` names the program that understands the file: here it is always this one, which speaks Docker's. */
function refuseForeignSyntax(syntax: Directive | undefined, file: string): void {
  if (syntax === undefined) return;
  const { value, line } = syntax;
  if (/^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@]|$)/.test(value)) return;
  throw instructionError({ file, line }, `the syntax ${value} is not supported`, {
    code: 'UNSUPPORTED',
    hint: 'write a Dockerfile as docker/dockerfile:1 has it',
  });
}

function parseInstruction(source: readonly string[], at: Lines, escapeChar: string): Instruction {
  const { text: logical, next } = joinContinuations(source, 0, escapeChar);
  // The content of here-documents.
  const rest = source.slice(next);
  const [, word = '', args = ''] = /^\s*(\S+)\s*(.*)$/s.exec(logical) ?? [];
  const keyword = toKeyword(word, at);
  const { flags, lists, text: written } = takeFlags(keyword, args.trimEnd(), at);
  if (written === '') throw instructionError(at, `${keyword} requires an argument`);
  const text = keyword === 'ONBUILD' ? [written, ...rest].join('\n') : written;
  const heredocs = ['RUN', 'COPY', 'ADD'].includes(keyword) ? takeHeredocs({ text, escapeChar }, rest, at) : [];
  if (keyword === 'ONBUILD') parseTrigger(text, at);
  return {
    keyword,
    ...{ file: at.file, line: at.line, lastLine: at.lastLine },
    flags,
    lists,
    text,
    heredocs,
    summary: logical.trim().replaceAll(/\s+/g, ' '),
  };
}

/** The exec form, a JSON array of strings; undefined for anything else, which is then the shell form. */
export function parseExecForm(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
  } catch {
    // As Docker has it: `[ -f x ] && y` is a shell command.
    return undefined;
  }
}
