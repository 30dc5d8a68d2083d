/** The data of a file as an archive has them: one after the other, with holes between. Synchronous. */
import { ftruncateSync, writeSync } from 'node:fs';

export class FileData {
  readonly fd: number;
  /** Bytes, holes included, that have come. */
  #position = 0;
  #endsInHole: boolean = false;

  /** An empty file that is open for writing; the caller closes it. */
  constructor(fd: number) {
    this.fd = fd;
  }

  write(data: Buffer): void {
    for (let offset = 0; offset < data.length; ) {
      const written = writeSync(this.fd, data, offset, data.length - offset, this.#position);
      offset += written;
      this.#position += written;
    }
    this.#endsInHole = false;
  }

  /** Zeros that take no place on the disk. */
  leaveHole(size: number): void {
    this.#position += size;
    this.#endsInHole = true;
  }

  finish(): void {
    if (this.#endsInHole) ftruncateSync(this.fd, this.#position);
  }
}
