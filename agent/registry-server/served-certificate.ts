/** The certificate that the registry shows, from its files: whoever renews them needn't restart gantryd. */
import { readFile } from 'node:fs/promises';
import type { ServerOptions } from 'node:https';
import { createSecureContext } from 'node:tls';
import { GantryError, toGantryError } from '../../proto/errors.ts';

const TLS_VERSION = { minVersion: 'TLSv1.2' } as const;

export interface CertificateFiles {
  /** PEM, with those between it and the root. */
  readonly certificate: string;
  readonly key: string;
}

export class ServedCertificate {
  readonly #files: CertificateFiles;
  #shown = '';

  constructor(files: CertificateFiles) {
    this.#files = files;
  }

  /** What is to be shown now; undefined when that is shown already. Throws INVALID_ARGUMENT for files that don't belong together. */
  async next(): Promise<ServerOptions | undefined> {
    try {
      const [cert, key] = await Promise.all([readFile(this.#files.certificate), readFile(this.#files.key)]);
      const read = `${cert}\n${key}`;
      if (read === this.#shown) return undefined;
      const options = { cert, key, ...TLS_VERSION };
      // Between the writing of one file and that of the other they don't fit: then the old ones stay.
      createSecureContext(options);
      this.#shown = read;
      return options;
    } catch (cause) {
      const message = `cannot read the registry's certificate: ${toGantryError(cause).message}`;
      const hint = 'name both files with --registry-cert and --registry-key';
      throw new GantryError('INVALID_ARGUMENT', message, { hint, cause });
    }
  }
}
