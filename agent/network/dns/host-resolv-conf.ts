/** The host's resolv.conf, read again when it has changed. */
import { readFile, stat } from 'node:fs/promises';
import { parseResolvConf, type ResolvConf } from './resolv-conf.ts';

const PATH = '/etc/resolv.conf';
const EMPTY: ResolvConf = { nameservers: [], search: [], options: [] };

export class HostResolvConf {
  readonly #path: string;
  #version = '';
  #content = EMPTY;

  constructor(path = PATH) {
    this.#path = path;
  }

  /** A missing file is an empty one. */
  async read(): Promise<ResolvConf> {
    try {
      const { mtimeMs, ino, size } = await stat(this.#path);
      const version = `${mtimeMs} ${ino} ${size}`;
      if (version === this.#version) return this.#content;
      this.#content = parseResolvConf(await readFile(this.#path, 'utf8'));
      this.#version = version;
      return this.#content;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return EMPTY;
      throw error;
    }
  }
}
