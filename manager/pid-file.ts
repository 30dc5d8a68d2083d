/** Says which process the manager is; removed only by the one that wrote it. */
import { rename, rm, writeFile } from 'node:fs/promises';

export class PidFile {
  readonly #path: string;
  #written: boolean = false;

  constructor(path: string) {
    this.#path = path;
  }

  async write(): Promise<void> {
    await writeFile(`${this.#path}.new`, `${process.pid}\n`);
    await rename(`${this.#path}.new`, this.#path);
    this.#written = true;
  }

  async remove(): Promise<void> {
    if (this.#written) await rm(this.#path, { force: true });
  }
}
