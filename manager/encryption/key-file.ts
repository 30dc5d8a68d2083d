/** manager/keys.json: the keys of this manager's log, sealed by another key, which lies beside them or with the users. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { GantryError } from '../../proto/errors.ts';

const FORMAT_VERSION = 1;

export interface SealedDataKey {
  readonly id: number;
  /** Sealed by the key encryption key, under the name "data key ID". */
  readonly sealed: Uint8Array;
}

export interface KeyFile {
  /** Undefined: only the users have it, and the manager is locked until one of them gives it. */
  readonly keyEncryptionKey: Uint8Array | undefined;
  /** Which of the cluster's successive unlock keys (or none) this file follows; see KeyStore.follow. */
  readonly lockVersion: number;
  /** The oldest first; records are written under the last. */
  readonly dataKeys: readonly SealedDataKey[];
}

/** Undefined when there is none. CORRUPT, UNSUPPORTED. */
export function readKeyFile(path: string): KeyFile | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  try {
    return decode(JSON.parse(text), path);
  } catch (error) {
    if (error instanceof GantryError) throw error;
    throw new GantryError('CORRUPT', `the keys in ${path} cannot be read`, {
      hint: 'restore the manager directory from a copy; without its keys the log cannot be read either',
      cause: error,
    });
  }
}

/** On disk when it returns: a record whose key is lost is lost. Synchronous, since it happens once per start and key. */
export function writeKeyFile(path: string, file: KeyFile): void {
  const temporary = `${path}.new`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    writeFileSync(fd, encode(file));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}

/** rename(2) is only durable once the directory is. */
export function syncDirectory(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function encode({ keyEncryptionKey, lockVersion, dataKeys }: KeyFile): string {
  const content = {
    format: FORMAT_VERSION,
    lockVersion,
    keyEncryptionKey: keyEncryptionKey === undefined ? null : toBase64(keyEncryptionKey),
    dataKeys: dataKeys.map(({ id, sealed }) => ({ id, sealed: toBase64(sealed) })),
  };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

interface FileContent {
  readonly format: number;
  readonly lockVersion: number;
  readonly keyEncryptionKey: string | null;
  readonly dataKeys: readonly { readonly id: number; readonly sealed: string }[];
}

function decode(content: FileContent, path: string): KeyFile {
  if (content.format !== FORMAT_VERSION) {
    throw new GantryError('UNSUPPORTED', `the keys in ${path} have format ${content.format}, unknown to this version`, {
      hint: 'run the newer version of gantryd that wrote them',
    });
  }
  const { keyEncryptionKey, lockVersion, dataKeys } = content;
  return {
    keyEncryptionKey: keyEncryptionKey === null ? undefined : Buffer.from(keyEncryptionKey, 'base64'),
    lockVersion,
    dataKeys: dataKeys.map(({ id, sealed }) => ({ id, sealed: Buffer.from(sealed, 'base64') })),
  };
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
