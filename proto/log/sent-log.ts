/** What a log is sent with, whichever driver sends it. Source: Docker's "Customize log driver output", "Configure logging drivers". */
import { compileTemplate } from '../template/template.ts';
import type { Value } from '../template/values.ts';
import { LogOptionError, type LogOptions } from './log-options.ts';

/** Which labels and variables of a container are told with each line. */
export interface Selection {
  readonly labels: readonly string[];
  /** Undefined: none beside those. */
  readonly labelPattern: RegExp | undefined;
  readonly variables: readonly string[];
  readonly variablePattern: RegExp | undefined;
}

/** How often a receiver that is away is asked for; undefined: as the forwarder sees fit. */
export interface Retry {
  readonly delayMs: number | undefined;
  /** After so many failures lines are given up. */
  readonly limit: number | undefined;
}

export interface SentLog {
  /** A Go template over `tagFields`. */
  readonly tag: string;
  readonly selection: Selection;
  /** The container waits where its log is full of lines that haven't been sent, rather than lose them. */
  readonly isBlocking: boolean;
  /** At least so much that hasn't been sent is kept; 0: as the log is kept at all. */
  readonly bufferBytes: number;
  /** How the log is kept on its host; 0: as usual. */
  readonly maxSizeBytes: number;
  readonly maxFiles: number;
}

/** Whom a line is from. */
export interface LogOrigin {
  readonly id: string;
  readonly name: string;
  readonly imageId: string;
  readonly imageName: string;
  readonly command: string;
  readonly createdAtMs: number;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  /** NAME=VALUE */
  readonly env: readonly string[];
}

const SHORT_ID = 12;
const DEFAULT_TAG = '{{.ID}}';
const MOST_FILES = 1000;
/** A file that is being written to, and one that waits to be sent. */
const FEWEST_BLOCKING_FILES = 2;

/** Throws LogOptionError. */
export function readSentLog(options: LogOptions): SentLog {
  const isBlocking = options.oneOf('mode', ['blocking', 'non-blocking']) === 'blocking';
  const bufferBytes = options.size('max-buffer-size') ?? 0;
  if (isBlocking && bufferBytes > 0) options.refuse('max-buffer-size', 'only for mode: non-blocking');
  if (options.flag('cache-disabled') === true) {
    options.refuse('cache-disabled', 'false: what is yet to be sent is kept in the log on the host');
  }
  if (options.flag('cache-compress') === true) options.refuse('cache-compress', 'false: logs are kept as they are');
  const maxFiles = options.integer('cache-max-file', isBlocking ? FEWEST_BLOCKING_FILES : 1, MOST_FILES) ?? 0;
  const maxSizeBytes = options.size('cache-max-size') ?? 0;
  return { tag: readTag(options), selection: readSelection(options), isBlocking, bufferBytes, maxSizeBytes, maxFiles };
}

const EXAMPLE: LogOrigin = {
  id: '0'.repeat(64),
  name: 'web',
  imageId: `sha256:${'0'.repeat(64)}`,
  imageName: 'web:1',
  command: 'sleep 1',
  createdAtMs: 0,
  hostname: 'h1',
  labels: {},
  env: [],
};

function readTag(options: LogOptions): string {
  const tag = options.text('tag') ?? DEFAULT_TAG;
  try {
    renderTag(tag, EXAMPLE, { labels: [], labelPattern: undefined, variables: [], variablePattern: undefined });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const fields = 'ID, FullID, Name, ImageID, ImageFullID, ImageName, DaemonName, Command, Hostname, ExtraAttributes';
    throw new LogOptionError('tag', `"${tag}" is not a template: ${reason}`, `it is a Go template with .${fields}`);
  }
  return tag;
}

function readSelection(options: LogOptions): Selection {
  return {
    labels: options.list('labels'),
    labelPattern: readPattern(options, 'labels-regex'),
    variables: options.list('env'),
    variablePattern: readPattern(options, 'env-regex'),
  };
}

function readPattern(options: LogOptions, name: string): RegExp | undefined {
  const text = options.text(name);
  if (text === undefined) return undefined;
  try {
    return new RegExp(text);
  } catch {
    return options.refuse(name, 'a regular expression');
  }
}

/** As the tag says it. Throws TemplateError. */
export function renderTag(tag: string, origin: LogOrigin, selection: Selection): string {
  return compileTemplate(tag).render(tagFields(origin, selection));
}

function tagFields(origin: LogOrigin, selection: Selection): Value {
  const imageId = origin.imageId.replace(/^sha256:/, '');
  return {
    ID: origin.id.slice(0, SHORT_ID),
    FullID: origin.id,
    Name: origin.name,
    ImageID: imageId.slice(0, SHORT_ID),
    ImageFullID: origin.imageId,
    ImageName: origin.imageName,
    DaemonName: 'gantry',
    Command: origin.command,
    Hostname: origin.hostname,
    // Its argument changes names in Go, and is nil in every template.
    ExtraAttributes: () => selectedAttributes(origin, selection),
  };
}

/** The labels and variables that are asked for. */
export function selectedAttributes({ labels, env }: LogOrigin, selection: Selection): Map<string, string> {
  const variables = env.map((pair): [string, string] => {
    const equals = pair.indexOf('=');
    return equals === -1 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
  });
  return new Map([
    ...Object.entries(labels).filter(([name]) => isSelected(name, selection.labels, selection.labelPattern)),
    ...variables.filter(([name]) => isSelected(name, selection.variables, selection.variablePattern)),
  ]);
}

function isSelected(name: string, names: readonly string[], pattern: RegExp | undefined): boolean {
  return names.includes(name) || pattern?.test(name) === true;
}

export function shortId({ id }: Pick<LogOrigin, 'id'>): string {
  return id.slice(0, SHORT_ID);
}
