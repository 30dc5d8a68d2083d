/** A Dockerfile as a list of instructions, checked as far as that needs no context. Pure. */
import { DockerfileParser } from 'dockerfile-ast';
import { type ErrorCode, GantryError } from '../../proto/errors.ts';
import { type Heredoc, takeHeredocs } from './heredoc.ts';

export interface Instruction {
  readonly keyword: Keyword;
  /** Where it is, for errors. */
  readonly file: string;
  /** From 1 */
  readonly line: number;
  readonly flags: ReadonlyMap<string, string>;
  /** The arguments after the flags, with continuation lines joined and without here-documents' content. */
  readonly text: string;
  readonly heredocs: readonly Heredoc[];
  /** For users: as written, on one line. */
  readonly summary: string;
}

export interface Dockerfile {
  readonly file: string;
  /** "\" or "`" */
  readonly escapeChar: string;
  readonly instructions: readonly Instruction[];
}

/** Each instruction with the flags it takes here. */
const FLAGS = {
  ADD: ['chown', 'chmod'],
  ARG: [],
  CMD: [],
  COPY: ['chown', 'chmod', 'from'],
  ENTRYPOINT: [],
  ENV: [],
  EXPOSE: [],
  FROM: ['platform'],
  HEALTHCHECK: ['interval', 'timeout', 'start-period', 'start-interval', 'retries'],
  LABEL: [],
  MAINTAINER: [],
  RUN: [],
  SHELL: [],
  STOPSIGNAL: [],
  USER: [],
  VOLUME: [],
  WORKDIR: [],
} as const satisfies Record<string, readonly string[]>;

export type Keyword = keyof typeof FLAGS;

/** What Docker has and is refused here, with what to do instead. */
const UNSUPPORTED_FLAGS: Readonly<Record<string, string>> = {
  'RUN mount': 'COPY the files, or fetch them within the step',
  'RUN network': 'leave it out: the step has the default network',
  'RUN security': 'leave it out',
  'RUN device': 'leave it out',
  'COPY link': 'leave it out: the result is the same',
  'COPY parents': 'name the destination directory in full',
  'COPY exclude': 'list what is to stay out in .dockerignore',
  'ADD link': 'leave it out: the result is the same',
  'ADD checksum': 'fetch and check the file in a RUN step',
  'ADD keep-git-dir': 'clone the repository in a RUN step',
  'ADD unpack': 'unpack the archive in a RUN step',
  'ADD exclude': 'list what is to stay out in .dockerignore',
};

/** An error at an instruction: "Dockerfile:LINE: ...". */
export function instructionError(
  at: Pick<Instruction, 'file' | 'line'>,
  message: string,
  options: { readonly code?: ErrorCode; readonly hint?: string; readonly cause?: unknown } = {},
): GantryError {
  const { code = 'INVALID_ARGUMENT', ...rest } = options;
  return new GantryError(code, `${at.file}:${at.line}: ${message}`, rest);
}

/** Throws INVALID_ARGUMENT and UNSUPPORTED as {@link instructionError}. */
export function parseDockerfile(content: string, file: string): Dockerfile {
  const text = content.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const document = DockerfileParser.parse(text);
  const escapeChar = document.getEscapeCharacter();
  const lines = text.split('\n');
  const instructions = document.getInstructions().map((instruction) => {
    const { start, end } = instruction.getRange();
    const source = [...lines.slice(start.line, end.line), (lines[end.line] ?? '').slice(0, end.character)];
    source[0] = (source[0] ?? '').slice(start.character);
    return parseInstruction(source, { file, line: start.line + 1 }, escapeChar);
  });
  return { file, escapeChar, instructions };
}

function parseInstruction(
  source: readonly string[],
  at: { file: string; line: number },
  escapeChar: string,
): Instruction {
  const { text: logical, rest } = joinContinuations(source, escapeChar);
  const [, word = '', args = ''] = /^\s*(\S+)\s*(.*)$/s.exec(logical) ?? [];
  const keyword = toKeyword(word, at);
  const { flags, text } = takeFlags(keyword, args.trimEnd(), at);
  const heredocs = ['RUN', 'COPY', 'ADD'].includes(keyword) ? takeHeredocs(text, rest, at) : [];
  if (text === '') throw instructionError(at, `${keyword} requires an argument`);
  return { keyword, ...at, flags, text, heredocs, summary: logical.trim().replaceAll(/\s+/g, ' ') };
}

/**
 * Joins lines that end in the escape character; comments and empty lines among them are dropped. `rest` is what
 * follows the logical line: the content of here-documents.
 */
function joinContinuations(source: readonly string[], escapeChar: string): { text: string; rest: readonly string[] } {
  const continuation = new RegExp(`${escapeChar === '\\' ? '\\\\' : escapeChar}[ \\t]*$`);
  let text = '';
  for (const [index, line] of source.entries()) {
    if (index > 0 && /^\s*(#.*)?$/.test(line)) continue;
    if (!continuation.test(line)) return { text: text + line, rest: source.slice(index + 1) };
    text += line.replace(continuation, '');
  }
  return { text, rest: [] };
}

function toKeyword(word: string, at: { file: string; line: number }): Keyword {
  const keyword = word.toUpperCase();
  if (Object.hasOwn(FLAGS, keyword)) return keyword as Keyword;
  if (keyword === 'ONBUILD') {
    throw instructionError(at, 'ONBUILD is not supported', {
      code: 'UNSUPPORTED',
      hint: 'write the instruction in the Dockerfiles that build on this image',
    });
  }
  throw instructionError(at, `unknown instruction: ${word}`);
}

function takeFlags(keyword: Keyword, args: string, at: { file: string; line: number }) {
  const allowed: readonly string[] = FLAGS[keyword];
  const flags = new Map<string, string>();
  let text = args;
  for (let match = FLAG.exec(text); match !== null && TAKES_FLAGS.has(keyword); match = FLAG.exec(text)) {
    const [whole, name = '', value] = match;
    const instead = UNSUPPORTED_FLAGS[`${keyword} ${name}`];
    if (instead !== undefined) {
      throw instructionError(at, `${keyword} --${name} is not supported`, { code: 'UNSUPPORTED', hint: instead });
    }
    if (!allowed.includes(name)) throw instructionError(at, `unknown flag: ${keyword} --${name}`);
    if (value === undefined || value === '') throw instructionError(at, `${keyword} --${name} requires a value`);
    if (flags.has(name)) throw instructionError(at, `${keyword} --${name} is given twice`);
    flags.set(name, value.replaceAll(/["']/g, ''));
    text = text.slice(whole.length);
  }
  return { flags, text };
}

const FLAG = /^--([a-z][a-z-]*)(?:=((?:"[^"]*"|'[^']*'|[^\s"'])*))?(?:\s+|$)/;
const TAKES_FLAGS: ReadonlySet<Keyword> = new Set(['ADD', 'COPY', 'FROM', 'HEALTHCHECK', 'RUN']);

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
