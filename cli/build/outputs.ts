/** --output of `build`: what becomes of what was built. Pure. Source: docs.docker.com, "docker buildx build", --output. */
import { suggest } from '../../proto/suggestion.ts';
import { CliError, EXIT } from '../failure.ts';

export type BuildOutput =
  /** Of the host that builds; `names` besides those of --tag. */
  | { readonly kind: 'image'; readonly names: readonly string[]; readonly push: boolean }
  /** The image, in a file, or "-" for standard output. */
  | { readonly kind: 'archive'; readonly names: readonly string[]; readonly file: string }
  /** Its files, as they lie in the image. */
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'tar'; readonly file: string }
  /** Nothing but steps in the cache. */
  | { readonly kind: 'cache' };

type Fields = ReadonlyMap<string, string>;

/** Of each type, the fields that it takes. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  local: ['dest'],
  tar: ['dest'],
  docker: ['dest', 'name'],
  oci: ['dest', 'name'],
  image: ['name', 'push'],
  registry: ['name'],
  cacheonly: [],
};

/** Fields that Docker has and that are refused, with what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  annotation: 'use --annotation',
  compression: "leave it out: 'gantry push' compresses layers as registries like them",
  'compression-level': 'leave it out',
  'force-compression': 'leave it out',
  'name-canonical': 'leave it out',
  'platform-split': 'leave it out: the files of each of several platforms get a directory of their own',
  'push-by-digest': 'push it under a name, and use the digest that is printed',
  'registry.insecure': "name the registry in the host's insecure-registries",
};

/** Fields that say what is always so here, with the value that says it. */
const GIVEN: Readonly<Record<string, string>> = {
  buildinfo: 'false',
  'oci-mediatypes': 'true',
  'platform-split': 'true',
  'rewrite-timestamp': 'true',
  store: 'true',
  tar: 'true',
  unpack: 'true',
};

/** Those of --output with --push and --load; none: an image of the host. Throws CliErrors. */
export function readOutputs(
  texts: readonly string[],
  { push = false, load = false }: { readonly push?: boolean | undefined; readonly load?: boolean | undefined },
): BuildOutput[] {
  const outputs = texts.map(parseOutput);
  if (push) outputs.push({ kind: 'image', names: [], push: true });
  if (load || outputs.length === 0) outputs.push({ kind: 'image', names: [], push: false });
  if (outputs.filter(({ kind }) => kind === 'directory' || kind === 'tar').length > 1) {
    throw refused('several outputs of files', 'write one of type=local and type=tar');
  }
  return outputs;
}

/** A directory alone, "-" for a tar on standard output, or type=TYPE,KEY=VALUE... */
export function parseOutput(text: string): BuildOutput {
  if (text === '-') return { kind: 'tar', file: '-' };
  if (text !== '' && !text.includes('=')) return { kind: 'directory', path: text };
  const fields = readFields(text);
  const type = fields.get('type') ?? '';
  checkFields(text, type, fields);
  const dest = fields.get('dest') ?? '';
  // In a CSV field, several names have commas of their own.
  const names = (fields.get('name') ?? '').split(',').filter((name) => name !== '');
  switch (type) {
    case 'local':
      if (dest === '' || dest === '-') throw refused(`--output ${text} names no directory`, 'add dest=DIRECTORY');
      return { kind: 'directory', path: dest };
    case 'tar':
      return { kind: 'tar', file: dest === '' ? '-' : dest };
    case 'docker':
      return dest === '' ? { kind: 'image', names, push: false } : { kind: 'archive', names, file: dest };
    case 'oci':
      return { kind: 'archive', names, file: dest === '' ? '-' : dest };
    case 'registry':
      return { kind: 'image', names, push: true };
    case 'image':
      return { kind: 'image', names, push: switchOf(text, fields.get('push') ?? 'false') };
    default:
      return { kind: 'cache' };
  }
}

/** KEY=VALUE with commas between; a field in double quotes may have commas. */
function readFields(text: string): Fields {
  const fields = new Map<string, string>();
  for (const [, quoted, plain] of text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    const field = quoted?.replaceAll('""', '"') ?? plain ?? '';
    const equals = field.indexOf('=');
    if (equals < 1) throw refused(`invalid argument "${text}" for --output`, 'write type=TYPE,dest=PATH');
    fields.set(field.slice(0, equals).trim(), field.slice(equals + 1));
  }
  return fields;
}

function checkFields(text: string, type: string, fields: Fields): void {
  const known = Object.hasOwn(FIELDS, type) ? FIELDS[type] : undefined;
  if (known === undefined) {
    const hint = `types are ${Object.keys(FIELDS).join(', ')}`;
    throw refused(`--output ${text}: unknown type ${JSON.stringify(type)}`, hint);
  }
  for (const [key, value] of fields) {
    if (key === 'type' || known.includes(key) || (Object.hasOwn(GIVEN, key) && GIVEN[key] === value)) continue;
    const instead = REFUSED[key.split(/[.[]/)[0] === 'annotation' ? 'annotation' : key];
    if (instead !== undefined) throw refused(`${key} of --output is not supported`, instead);
    const nearest = suggest(key, known);
    throw refused(
      `--output ${text}: type ${type} has no ${key}=${value}`,
      nearest === undefined ? '' : `did you mean ${nearest}?`,
    );
  }
}

function switchOf(text: string, value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw refused(`--output ${text}: ${value} is neither true nor false`, '');
}

function refused(message: string, hint: string): CliError {
  return new CliError(message, { hint, exitCode: EXIT.refused });
}
