/** Who may use the registry: a file as htpasswd's, NAME:HASH on each line, whose changes count at once. */
import { createHmac, randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { GantryError } from '../../proto/errors.ts';
import { isSha512Crypt, matchesSha512Crypt } from './sha512-crypt.ts';

/** Hashing takes some milliseconds of the processor, and a push has hundreds of requests. */
const MOST_REMEMBERED = 1000;
const MAX_PASSWORD_BYTES = 256;

export class Logins {
  readonly #path: string;
  readonly #key = randomBytes(32);
  #version = '';
  #entries: ReadonlyMap<string, string> = new Map();
  /** Headers that were right, as hashes with a key of this process. */
  readonly #right = new Set<string>();

  constructor(path: string) {
    this.#path = path;
  }

  /** Throws INVALID_ARGUMENT for a file that can't be read, naming the line that is wrong. */
  async load(): Promise<void> {
    const version = await this.#fileVersion();
    if (version === this.#version) return;
    this.#entries = parseUsers(await readFile(this.#path, 'utf8'), this.#path);
    this.#version = version;
    this.#right.clear();
  }

  /** Of a header Authorization: "Basic …". Throws as {@link load}. */
  async accept(header: string | undefined): Promise<boolean> {
    await this.load();
    const given = basicCredentials(header);
    if (given === undefined || given.password.length > MAX_PASSWORD_BYTES) return false;
    const entry = this.#entries.get(given.name);
    if (entry === undefined) return false;
    const key = createHmac('sha256', this.#key).update(`${given.name}\0${given.password}`).digest('hex');
    if (this.#right.has(key)) return true;
    if (!matchesSha512Crypt(given.password, entry)) return false;
    if (this.#right.size >= MOST_REMEMBERED) this.#right.clear();
    this.#right.add(key);
    return true;
  }

  async #fileVersion(): Promise<string> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#path);
      return `${ino}/${mtimeMs}/${size}`;
    } catch (cause) {
      throw new GantryError('INVALID_ARGUMENT', `cannot read the registry's users in ${this.#path}`, {
        hint: 'make the file, or name another one with --registry-users',
        cause,
      });
    }
  }
}

/** Throws INVALID_ARGUMENT. */
export function parseUsers(text: string, path: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [name = '', hash = ''] = line.trim().split(':');
    if (name === '' || !isSha512Crypt(hash)) {
      throw new GantryError(
        'INVALID_ARGUMENT',
        `${path}:${index + 1}: not NAME:HASH with a hash that begins with $6$`,
        {
          hint: 'make the hash with "openssl passwd -6"',
        },
      );
    }
    users.set(name, hash);
  }
  return users;
}

function basicCredentials(header = ''): { readonly name: string; readonly password: string } | undefined {
  const [, encoded] = /^Basic +([A-Za-z0-9+/=]{1,2048})$/i.exec(header) ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
