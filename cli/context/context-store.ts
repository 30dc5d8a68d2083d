/**
 * The user's contexts: DIR/contexts/NAME.json, each with its key, for nobody else to read; DIR/config.json says which is in
 * use, and has the user's other settings.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CliError } from '../failure.ts';
import { type Context, checkContextName, formatContext, parseContext } from './context.ts';
import { DEFAULT_CONTEXT } from './target.ts';

const SUFFIX = '.json';

export class ContextStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  path(name: string): string {
    return join(this.#directory, 'contexts', `${name}${SUFFIX}`);
  }

  get configPath(): string {
    return join(this.#directory, 'config.json');
  }

  has(name: string): boolean {
    return readIfThere(this.path(name)) !== undefined;
  }

  /** Throws when there is none, or its file can't be used. */
  load(name: string): Context {
    checkContextName(name);
    const text = readIfThere(this.path(name));
    if (text === undefined) {
      throw new CliError(`context "${name}" does not exist`, { hint: '"gantry context ls" lists them' });
    }
    return { ...parseContext(text, this.path(name)), name };
  }

  /** In the order of the alphabet. */
  names(): string[] {
    try {
      const files = readdirSync(join(this.#directory, 'contexts'));
      return files.flatMap((file) => (file.endsWith(SUFFIX) ? [file.slice(0, -SUFFIX.length)] : [])).toSorted();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  save(context: Context): void {
    this.#replace(this.path(context.name), formatContext(context));
  }

  /** It isn't in use any more. */
  remove(name: string): void {
    if (this.current() === name) this.use(DEFAULT_CONTEXT);
    rmSync(this.path(name));
  }

  /** The one in use. */
  current(): string {
    const { currentContext } = this.settings();
    return typeof currentContext === 'string' && currentContext !== '' ? currentContext : DEFAULT_CONTEXT;
  }

  use(name: string): void {
    const currentContext = name === DEFAULT_CONTEXT ? undefined : name;
    this.changeSettings({ currentContext });
  }

  /** In the form of Docker's config.json; those that nobody here knows are kept. Undefined ones are taken away. */
  changeSettings(changes: Readonly<Record<string, unknown>>): void {
    this.#replace(this.configPath, `${JSON.stringify({ ...this.settings(), ...changes }, null, 2)}\n`);
  }

  settings(): Readonly<Record<string, unknown>> {
    const text = readIfThere(this.configPath);
    if (text === undefined) return {};
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    } catch {
      // Said below, as of what is JSON but no object.
    }
    throw new CliError(`${this.configPath} is not JSON`, { hint: 'mend it, or remove it' });
  }

  /** Neither a crash nor an error leaves half a file, and at no time can others read it. */
  #replace(path: string, text: string): void {
    mkdirSync(join(this.#directory, 'contexts'), { recursive: true, mode: 0o700 });
    const temporary = `${path}.${randomBytes(4).toString('hex')}`;
    const file = openSync(temporary, 'wx', 0o600);
    try {
      try {
        writeSync(file, text);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  }
}

/** GANTRY_CONFIG, or ~/.gantry. */
export function configDirectory(flag: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  return flag ?? (env.GANTRY_CONFIG || join(env.HOME || homedir(), '.gantry'));
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
