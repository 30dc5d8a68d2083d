/** The flags of instructions: which each takes, and reading them. Pure. */

import type { GantryError } from '../../proto/errors.ts';
import { suggest } from '../../proto/suggestion.ts';
import { type InstructionPlace, instructionError } from './instruction-error.ts';

/** A switch is on when it is given, or given as true; a list may be given several times. */
type FlagKind = 'value' | 'switch' | 'list';

const OWNERSHIP = { chown: 'value', chmod: 'value' } as const;

/** Each instruction with the flags it takes. Source: docs.docker.com/reference/dockerfile. */
const FLAGS = {
  ADD: {
    ...OWNERSHIP,
    checksum: 'value',
    exclude: 'list',
    'keep-git-dir': 'switch',
    link: 'switch',
    unpack: 'switch',
  },
  ARG: {},
  CMD: {},
  COPY: { ...OWNERSHIP, exclude: 'list', from: 'value', link: 'switch', parents: 'switch' },
  ENTRYPOINT: {},
  ENV: {},
  EXPOSE: {},
  FROM: { platform: 'value' },
  HEALTHCHECK: {
    interval: 'value',
    timeout: 'value',
    'start-period': 'value',
    'start-interval': 'value',
    retries: 'value',
  },
  LABEL: {},
  MAINTAINER: {},
  ONBUILD: {},
  RUN: { mount: 'list', network: 'value', security: 'value' },
  SHELL: {},
  STOPSIGNAL: {},
  USER: {},
  VOLUME: {},
  WORKDIR: {},
} as const satisfies Record<string, Readonly<Record<string, FlagKind>>>;

export type Keyword = keyof typeof FLAGS;

/** Values that say what is so anyway, of flags that have no other here. */
const GIVEN: Readonly<Record<string, string>> = { 'RUN security': 'sandbox' };

/** What Docker has and is refused here, with what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  'RUN security': 'leave it out: a step is isolated as containers are',
  'RUN device': 'leave it out: a step has no devices of the host',
};

export interface Flags {
  /** Of switches: "true" or "false". */
  readonly flags: ReadonlyMap<string, string>;
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** What follows them. */
  readonly text: string;
}

const FLAG = /^--([A-Za-z][A-Za-z-]*)(?:=((?:"[^"]*"|'[^']*'|[^\s"'])*))?(?:\s+|$)/;

/** Throws INVALID_ARGUMENT with the nearest word when it is misspelt. */
export function toKeyword(word: string, at: InstructionPlace): Keyword {
  const keyword = word.toUpperCase();
  if (isKeyword(keyword)) return keyword;
  const nearest = suggest(keyword, Object.keys(FLAGS));
  throw instructionError(at, `unknown instruction: ${word}`, {
    hint: nearest === undefined ? `instructions are ${Object.keys(FLAGS).join(', ')}` : `did you mean ${nearest}?`,
  });
}

function isKeyword(text: string): text is Keyword {
  return Object.hasOwn(FLAGS, text);
}

/** Takes the flags off an instruction's arguments. Throws INVALID_ARGUMENT, UNSUPPORTED. */
export function takeFlags(keyword: Keyword, args: string, at: InstructionPlace): Flags {
  const known: Readonly<Record<string, FlagKind>> = FLAGS[keyword];
  const flags = new Map<string, string>();
  const lists = new Map<string, string[]>();
  let text = args;
  // Of an instruction without flags, "--x" is an argument.
  for (let match = FLAG.exec(text); match !== null && Object.keys(known).length > 0; match = FLAG.exec(text)) {
    const [whole, name = '', written] = match;
    const kind = kindOf(keyword, name, known, at);
    const value = flagValue(kind, written?.replaceAll(/["']/g, ''));
    if (value === undefined) throw instructionError(at, `${keyword} --${name} requires a value`);
    if (flags.has(name)) throw instructionError(at, `${keyword} --${name} is given twice`);
    const given = GIVEN[`${keyword} ${name}`];
    if (given !== undefined && value !== given) throw notSupported(keyword, `${name}=${value}`, name, at);
    if (kind === 'list') lists.set(name, [...(lists.get(name) ?? []), value]);
    else flags.set(name, value);
    if (kind === 'switch' && value !== 'true' && value !== 'false') {
      throw instructionError(at, `${keyword} --${name}=${value} is neither true nor false`);
    }
    text = text.slice(whole.length);
  }
  return { flags, lists, text };
}

function flagValue(kind: FlagKind, written: string | undefined): string | undefined {
  if (kind === 'switch') return written ?? 'true';
  return written === '' ? undefined : written;
}

function kindOf(
  keyword: Keyword,
  name: string,
  known: Readonly<Record<string, FlagKind>>,
  at: InstructionPlace,
): FlagKind {
  const kind = Object.hasOwn(known, name) ? known[name] : undefined;
  if (kind !== undefined) return kind;
  if (REFUSED[`${keyword} ${name}`] !== undefined) throw notSupported(keyword, name, name, at);
  const nearest = suggest(name, Object.keys(known));
  throw instructionError(at, `unknown flag: ${keyword} --${name}`, {
    hint: nearest === undefined ? flagsHint(keyword, known) : `did you mean --${nearest}?`,
  });
}

function notSupported(keyword: Keyword, written: string, name: string, at: InstructionPlace): GantryError {
  const hint = REFUSED[`${keyword} ${name}`] ?? '';
  return instructionError(at, `${keyword} --${written} is not supported`, { code: 'UNSUPPORTED', hint });
}

function flagsHint(keyword: Keyword, known: Readonly<Record<string, FlagKind>>): string {
  return `flags of ${keyword} are ${Object.keys(known)
    .map((name) => `--${name}`)
    .join(', ')}`;
}
