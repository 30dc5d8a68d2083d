/** RUN --mount: what is mounted into a step. Pure. Source: docs.docker.com/reference/dockerfile, "RUN --mount". */
import { posix } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import { suggest } from '../../proto/suggestion.ts';
import { type Expander, expandWord } from './words.ts';

export type RunMount =
  | {
      readonly kind: 'bind';
      /** Stage or image; undefined: the context. */
      readonly from: string | undefined;
      readonly source: string;
      readonly target: string;
      /** What is written is dropped after the step. */
      readonly writable: boolean;
    }
  | {
      readonly kind: 'cache';
      readonly id: string;
      readonly sharing: 'shared' | 'private' | 'locked';
      /** What it begins with; undefined: nothing. */
      readonly from: string | undefined;
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly uid: number;
      readonly gid: number;
      readonly mode: number;
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly sizeBytes: number }
  | {
      readonly kind: 'secret';
      readonly id: string;
      /** Undefined: it is in a variable alone. */
      readonly target: string | undefined;
      readonly variable: string | undefined;
      readonly required: boolean;
      readonly uid: number;
      readonly gid: number;
      readonly mode: number;
    }
  | {
      readonly kind: 'ssh';
      readonly id: string;
      /** Of the socket; undefined: where BuildKit has it. */
      readonly target: string | undefined;
      readonly required: boolean;
      readonly uid: number;
      readonly gid: number;
      readonly mode: number;
    };

const SOURCE_KEYS = ['from', 'source', 'src'];
const TARGET_KEYS = ['target', 'dst', 'destination'];
const OWNER_KEYS = ['uid', 'gid', 'mode'];
const ACCESS_KEYS = ['readonly', 'ro', 'readwrite', 'rw'];
/** What each type takes. */
const KEYS: Readonly<Record<RunMount['kind'], readonly string[]>> = {
  bind: [...SOURCE_KEYS, ...TARGET_KEYS, ...ACCESS_KEYS],
  cache: [...SOURCE_KEYS, ...TARGET_KEYS, ...ACCESS_KEYS, ...OWNER_KEYS, 'id', 'sharing'],
  tmpfs: [...TARGET_KEYS, 'size'],
  secret: [...TARGET_KEYS, ...OWNER_KEYS, 'id', 'required', 'env'],
  ssh: [...TARGET_KEYS, ...OWNER_KEYS, 'id', 'required'],
};
const SWITCHES = [...ACCESS_KEYS, 'required'];

type Fields = ReadonlyMap<string, string>;

/** Which stage or image the mount takes files from, before anything is expanded. */
export function mountSource(text: string): string | undefined {
  return readFields(text).get('from');
}

/** `dir` is the working directory, which targets are relative to. Throws INVALID_ARGUMENT, UNSUPPORTED. */
export function parseRunMount(text: string, expander: Expander, dir: string): RunMount {
  const fields = new Map([...readFields(text)].map(([key, value]) => [key, expandField(key, value, expander)]));
  const kind = mountKind(fields.get('type') ?? 'bind', text);
  fields.delete('type');
  for (const key of fields.keys()) checkKey(key, kind);
  const target = first(fields, TARGET_KEYS);
  const absolute = target === undefined ? undefined : posix.resolve('/', dir, target);
  if (kind === 'secret') return secretMount(fields, absolute);
  if (kind === 'ssh') {
    const id = fields.get('id') || 'default';
    return { kind, id, target: absolute, required: isOn(fields, 'required'), ...ownerOf(fields, 0o600) };
  }
  if (absolute === undefined) throw invalid(`--mount=${text} has no target`);
  if (absolute === '/') throw invalid(`--mount=${text}: nothing can be mounted at /`);
  if (kind === 'tmpfs') return { kind, target: absolute, sizeBytes: parseSize(fields.get('size') ?? '0') };
  const files = { from: fields.get('from'), source: first(fields, ['source', 'src']) ?? '/', target: absolute };
  if (kind === 'bind') return { kind, ...files, writable: isOn(fields, 'rw') || isOn(fields, 'readwrite') };
  return {
    kind,
    ...files,
    id: fields.get('id') ?? absolute,
    sharing: sharingOf(fields.get('sharing') ?? 'shared'),
    readOnly: isOn(fields, 'ro') || isOn(fields, 'readonly'),
    ...ownerOf(fields, 0o755),
  };
}

function secretMount(fields: Fields, target: string | undefined): RunMount {
  const id = fields.get('id') ?? (target === undefined ? undefined : posix.basename(target));
  if (id === undefined || id === '') throw invalid('a secret mount needs an id or a target');
  const variable = fields.get('env');
  // Given in a variable, it is a file only where that is said, too.
  const file = target ?? (variable === undefined ? `/run/secrets/${id}` : undefined);
  return { kind: 'secret', id, target: file, variable, required: isOn(fields, 'required'), ...ownerOf(fields, 0o400) };
}

/** KEY=VALUE or KEY, with commas between; an empty value is none. */
function readFields(text: string): Fields {
  const fields = new Map<string, string>();
  for (const part of text.split(',')) {
    const equals = part.indexOf('=');
    const key = (equals === -1 ? part : part.slice(0, equals)).trim().toLowerCase();
    if (equals === -1 && !SWITCHES.includes(key))
      throw invalid(`--mount=${text}: ${JSON.stringify(part)} is not KEY=VALUE`);
    if (fields.has(key)) throw invalid(`--mount=${text}: ${key} is given twice`);
    fields.set(key, equals === -1 ? 'true' : part.slice(equals + 1));
  }
  return fields;
}

function expandField(key: string, value: string, expander: Expander): string {
  if (key !== 'from') return expandWord(value, expander);
  if (!value.includes('$')) return value;
  throw new GantryError('UNSUPPORTED', `variables in from=${value} are not supported`, {
    hint: 'make it a stage with FROM, and name that',
  });
}

function mountKind(type: string, text: string): RunMount['kind'] {
  if (type === 'bind' || type === 'cache' || type === 'tmpfs' || type === 'secret' || type === 'ssh') return type;
  const nearest = suggest(type, Object.keys(KEYS));
  throw invalid(`--mount=${text}: unknown type ${type}`, nearest === undefined ? '' : `did you mean ${nearest}?`);
}

function checkKey(key: string, kind: RunMount['kind']): void {
  if (KEYS[kind].includes(key)) return;
  const nearest = suggest(key, KEYS[kind]);
  throw invalid(
    `a ${kind} mount has no ${JSON.stringify(key)}`,
    nearest === undefined ? `it takes ${KEYS[kind].join(', ')}` : `did you mean ${nearest}?`,
  );
}

function first(fields: Fields, keys: readonly string[]): string | undefined {
  return keys.map((key) => fields.get(key)).find((value) => value !== undefined && value !== '');
}

function isOn(fields: Fields, key: string): boolean {
  const value = fields.get(key) ?? 'false';
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw invalid(`${key}=${value} is neither true nor false`);
}

function sharingOf(text: string): 'shared' | 'private' | 'locked' {
  if (text === 'shared' || text === 'private' || text === 'locked') return text;
  throw invalid(`sharing=${text} is none of shared, private, locked`);
}

function ownerOf(fields: Fields, mode: number): { uid: number; gid: number; mode: number } {
  const octal = fields.get('mode');
  if (octal !== undefined && !/^[0-7]{1,5}$/.test(octal)) throw invalid(`mode=${octal} is no octal mode`);
  return {
    uid: idOf(fields, 'uid'),
    gid: idOf(fields, 'gid'),
    mode: octal === undefined ? mode : Number.parseInt(octal, 8),
  };
}

function idOf(fields: Fields, key: 'uid' | 'gid'): number {
  const text = fields.get(key) ?? '0';
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw invalid(`${key}=${text} is no number`);
}

const UNITS = ['', 'k', 'm', 'g', 't'];

/** Bytes of "64m", "1gb", "1.5GiB". */
function parseSize(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  if (number === undefined) throw invalid(`size=${text} is no size`, 'write it like 64m');
  return Math.floor(Number(number) * 1024 ** UNITS.indexOf(unit.toLowerCase()));
}

function invalid(message: string, hint = ''): GantryError {
  return new GantryError('INVALID_ARGUMENT', message, { hint });
}
