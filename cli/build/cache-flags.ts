/** --cache-from and --cache-to of `build`, cache_from and cache_to of compose files: caches that travel within images. Pure. */
import { suggest } from '../../proto/suggestion.ts';
import { CliError, EXIT } from '../failure.ts';

export type CacheSource =
  | { readonly kind: 'image'; readonly reference: string }
  /** An OCI layout on this host; `place` may have a tag or a digest behind it. */
  | { readonly kind: 'layout'; readonly place: string };

export type CacheTarget =
  | { readonly kind: 'inline' }
  | { readonly kind: 'registry'; readonly reference: string; readonly steps: 'target' | 'all' }
  | { readonly kind: 'local'; readonly directory: string; readonly steps: 'target' | 'all' };

type Fields = ReadonlyMap<string, string>;

/** Of each type of --cache-to, the fields that it takes. */
const TARGET_FIELDS: Readonly<Record<string, readonly string[]>> = {
  inline: ['mode'],
  registry: ['ref', 'mode'],
  local: ['dest', 'mode'],
};
const SOURCE_FIELDS: Readonly<Record<string, readonly string[]>> = {
  registry: ['ref'],
  local: ['src', 'tag', 'digest'],
};
/** Fields that say what is so anyway, with the value that says it. */
const GIVEN: Readonly<Record<string, string>> = { 'image-manifest': 'true', 'oci-mediatypes': 'true', tag: 'latest' };

/** IMAGE, type=registry,ref=IMAGE or type=local,src=DIRECTORY. `flag` is what it is called where it stands. Throws CliErrors. */
export function readCacheSource(text: string, flag = '--cache-from'): CacheSource {
  if (text !== '' && !text.includes('=')) return { kind: 'image', reference: text };
  const { type, fields } = readFields(flag, text, SOURCE_FIELDS, 'write type=registry,ref=IMAGE');
  if (type === 'registry') return { kind: 'image', reference: needed(flag, text, fields, 'ref', 'IMAGE') };
  const [tag, digest] = [fields.get('tag'), fields.get('digest')];
  const version = digest === undefined ? (tag === undefined ? '' : `:${tag}`) : `@${digest}`;
  return { kind: 'layout', place: needed(flag, text, fields, 'src', 'DIRECTORY') + version };
}

/**
 * type=inline, type=registry,ref=IMAGE or type=local,dest=DIRECTORY; mode=max for the steps of all stages. `flag` as above.
 * Throws CliErrors.
 */
export function readCacheTarget(text: string, flag = '--cache-to'): CacheTarget {
  if (text === 'inline') return { kind: 'inline' };
  const hint = 'write type=inline, type=registry,ref=IMAGE or type=local,dest=DIRECTORY';
  const { type, fields } = readFields(flag, text, TARGET_FIELDS, hint);
  const mode = fields.get('mode') ?? 'min';
  if (mode !== 'min' && mode !== 'max') throw invalid(flag, text, 'write mode=min or mode=max');
  if (type === 'inline') {
    if (mode === 'min') return { kind: 'inline' };
    throw invalid(flag, text, 'an image has the layers of its own stage alone: write type=registry for all');
  }
  const steps = mode === 'max' ? 'all' : 'target';
  if (type === 'registry') {
    return { kind: 'registry', reference: needed(flag, text, fields, 'ref', 'IMAGE'), steps };
  }
  return { kind: 'local', directory: needed(flag, text, fields, 'dest', 'DIRECTORY'), steps };
}

/** With a type that is known, and no field that isn't. */
function readFields(
  flag: string,
  text: string,
  types: Readonly<Record<string, readonly string[]>>,
  hint: string,
): { readonly type: string; readonly fields: Fields } {
  const fields = new Map(text.split(',').map((field): [string, string] => splitField(flag, text, field)));
  const type = fields.get('type') ?? '';
  const known = Object.hasOwn(types, type) ? types[type] : undefined;
  if (known === undefined) {
    throw new CliError(`the type ${type === '' ? '""' : type} of ${flag} is not supported`, {
      hint,
      exitCode: EXIT.refused,
    });
  }
  for (const [key, value] of fields) {
    if (key === 'type' || known.includes(key) || GIVEN[key] === value) continue;
    const nearest = suggest(key, known);
    throw new CliError(`${key}=${value} of ${flag} is not supported`, {
      hint: nearest === undefined ? 'leave it out' : `did you mean ${nearest}?`,
      exitCode: EXIT.refused,
    });
  }
  return { type, fields };
}

function splitField(flag: string, text: string, field: string): [string, string] {
  const equals = field.indexOf('=');
  if (equals > 0) return [field.slice(0, equals).trim(), field.slice(equals + 1)];
  throw invalid(flag, text, 'write type=TYPE,KEY=VALUE');
}

function needed(flag: string, text: string, fields: Fields, key: string, what: string): string {
  const value = fields.get(key) ?? '';
  if (value !== '') return value;
  throw new CliError(`${flag} ${text} names no ${what.toLowerCase()}`, {
    hint: `add ${key}=${what}`,
    exitCode: EXIT.refused,
  });
}

function invalid(flag: string, text: string, hint: string): CliError {
  return new CliError(`invalid argument "${text}" for ${flag}`, { hint, exitCode: EXIT.refused });
}
