/** --secret of `build`: what RUN --mount=type=secret gets, from a file or a variable of the user's. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { CliError, EXIT, fileReason } from '../failure.ts';
import type { Environment } from '../options/pairs.ts';

/** BuildKit's own bound. */
const MAX_BYTES = 500 * 1024;

type Source = { readonly kind: 'file'; readonly path: string } | { readonly kind: 'variable'; readonly name: string };

/** id=ID[,src=FILE|,env=NAME]; with an id alone the variable of that name, or else the file. */
export function readSecrets(
  values: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: Environment },
): Record<string, Buffer> {
  const secrets: Record<string, Buffer> = {};
  for (const value of values) {
    const { id, source } = parseSecret(value, env);
    const content =
      source.kind === 'file' ? readFile(resolve(cwd, source.path), id) : readVariable(env, source.name, id);
    if (content.length > MAX_BYTES) throw refused(`secret ${id} is larger than ${MAX_BYTES} bytes`, '');
    secrets[id] = content;
  }
  return secrets;
}

function parseSecret(value: string, env: Environment): { id: string; source: Source } {
  const fields = new Map<string, string>();
  for (const part of value.split(',')) {
    const [, key = '', text = ''] = /^([a-z]+)=(.*)$/s.exec(part) ?? [];
    if (!['id', 'src', 'source', 'env', 'type'].includes(key)) {
      throw refused(`invalid argument "${value}" for --secret`, 'write id=NAME,src=FILE or id=NAME,env=VARIABLE');
    }
    fields.set(key === 'source' ? 'src' : key, text);
  }
  const id = fields.get('id') ?? '';
  if (id === '') throw refused(`invalid argument "${value}" for --secret`, 'give it an id: id=NAME,src=FILE');
  const type = fields.get('type') ?? '';
  if (type !== '' && type !== 'file' && type !== 'env')
    throw refused(`unknown type ${type} of secret ${id}`, 'write file or env');
  return { id, source: sourceOf(id, fields, env) };
}

function sourceOf(id: string, fields: ReadonlyMap<string, string>, env: Environment): Source {
  const path = fields.get('src');
  const name = fields.get('env');
  if (name !== undefined) return { kind: 'variable', name };
  if (path !== undefined)
    return fields.get('type') === 'env' ? { kind: 'variable', name: path } : { kind: 'file', path };
  if (fields.get('type') === 'env' || (fields.get('type') === undefined && env[id] !== undefined)) {
    return { kind: 'variable', name: id };
  }
  return { kind: 'file', path: id };
}

function readFile(path: string, id: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw refused(`cannot read secret ${id}: ${path}: ${fileReason(error)}`, '');
  }
}

function readVariable(env: Environment, name: string, id: string): Buffer {
  const value = env[name];
  if (value === undefined) throw refused(`secret ${id}: the variable ${name} is not set`, '');
  return Buffer.from(value);
}

function refused(message: string, hint: string): CliError {
  return new CliError(message, { hint, exitCode: EXIT.refused });
}
