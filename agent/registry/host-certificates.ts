/**
 * What a host's administrator has laid down for one registry, in Docker's way: DIR/HOST[:PORT]/ holds authorities
 * (*.crt), and a certificate to show there (*.cert with its *.key).
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '../../proto/errors.ts';

export const CERTIFICATE_DIRECTORIES = ['/etc/gantry/certs.d', '/etc/docker/certs.d'] as const;

export interface HostCertificates {
  /** PEM, beside those that the system trusts. */
  readonly authorities: readonly string[];
  readonly client: { readonly certificate: string; readonly key: string } | undefined;
}

const NOTHING: HostCertificates = { authorities: [], client: undefined };

/** Of the first directory that has any for the host. Throws INVALID_ARGUMENT for a certificate without its key. */
export async function readHostCertificates(host: string, directories: readonly string[]): Promise<HostCertificates> {
  for (const directory of directories) {
    const own = join(directory, host);
    const names = await listIfThere(own);
    if (names.length > 0) return await readDirectory(own, names);
  }
  return NOTHING;
}

async function readDirectory(directory: string, names: readonly string[]): Promise<HostCertificates> {
  const read = (name: string) => readFile(join(directory, name), 'utf8');
  const authorities = await Promise.all(names.filter((name) => name.endsWith('.crt')).map(read));
  const certificate = names.find((name) => name.endsWith('.cert'));
  if (certificate === undefined) return { authorities, client: undefined };
  const key = certificate.replace(/\.cert$/, '.key');
  if (!names.includes(key)) {
    throw new GantryError('INVALID_ARGUMENT', `${join(directory, certificate)} has no key beside it`, {
      hint: `put it into ${join(directory, key)}`,
    });
  }
  return { authorities, client: { certificate: await read(certificate), key: await read(key) } };
}

async function listIfThere(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
    throw error;
  }
}
