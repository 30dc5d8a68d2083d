/** --cache-from and --cache-to of `build`: caches that travel within images. Pure. */
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

/** IMAGE, type=registry,ref=IMAGE or type=local,src=DIRECTORY. Throws CliErrors. */
export function readCacheSource(text: string): CacheSource {
  if (text !== '' && !text.includes('=')) return { kind: 'image', reference: text };
  const { type, fields } = readFields('--cache-from', text, SOURCE_FIELDS, 'write type=registry,ref=IMAGE');
  if (type === 'registry') return { kind: 'image', reference: needed('--cache-from', text, fields, 'ref', 'IMAGE') };
  const [tag, digest] = [fields.get('tag'), fields.get('digest')];
  const version = digest === undefined ? (tag === undefined ? '' : `:${tag}`) : `@${digest}`;
  return { kind: 'layout', place: needed('--cache-from', text, fields, 'src', 'DIRECTORY') + version };
}

/** type=inline, type=registry,ref=IMAGE or type=local,dest=DIRECTORY; mode=max for the steps of all stages. Throws CliErrors. */
export function readCacheTarget(text: string): CacheTarget {
  if (text === 'inline') return { kind: 'inline' };
  const hint = 'write type=inline, type=registry,ref=IMAGE or type=local,dest=DIRECTORY';
  const { type, fields } = readFields('--cache-to', text, TARGET_FIELDS, hint);
  const mode = fields.get('mode') ?? 'min';
  if (mode !== 'min' && mode !== 'max') throw invalid('--cache-to', text, 'write mode=min or mode=max');
  if (type === 'inline') {
    if (mode === 'min') return { kind: 'inline' };
    throw invalid('--cache-to', text, 'an image has the layers of its own stage alone: write type=registry for all');
  }
  const steps = mode === 'max' ? 'all' : 'target';
  if (type === 'registry') {
    return { kind: 'registry', reference: needed('--cache-to', text, fields, 'ref', 'IMAGE'), steps };
  }
  return { kind: 'local', directory: needed('--cache-to', text, fields, 'dest', 'DIRECTORY'), steps };
}

/** The image that `cache_from` of a compose file names: IMAGE, or type=registry,ref=IMAGE. Throws CliErrors. */
export function cacheImage(text: string, flag: string): string {
  if (text !== '' && !text.includes('=')) return text;
  const { fields } = readFields(flag, text, { registry: ['ref'] }, 'write type=registry,ref=IMAGE');
  return needed(flag, text, fields, 'ref', 'IMAGE');
}

/** Of `cache_to` of a compose file. Throws CliErrors unless it is type=inline. */
export function checkCacheTarget(text: string, flag: string): void {
  if (text === 'inline') return;
  readFields(flag, text, { inline: ['mode'] }, 'write type=inline, and push the image');
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
