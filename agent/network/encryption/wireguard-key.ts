/** The host's WireGuard key, in DATA_ROOT/network/wireguard.key, 0600: it never leaves the host. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GantryError } from '../../../proto/errors.ts';

const KEY_BYTES = 32;

export interface WireguardKey {
  /** 32 bytes (RFC 7748, X25519) */
  readonly privateKey: Buffer;
  /** Base64 */
  readonly publicKey: string;
}

/** Makes it where there is none. Throws CORRUPT for a file that holds no key. */
export async function loadWireguardKey(dir: string): Promise<WireguardKey> {
  const path = pathIn(dir);
  const pem = await readFile(path, 'utf8').catch(undefinedIfMissing);
  if (pem !== undefined) return parse(pem, path);
  const { privateKey } = generateKeyPairSync('x25519');
  await write(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  return raw(privateKey);
}

/** The next one is another. Idempotent. */
export async function removeWireguardKey(dir: string): Promise<void> {
  await rm(pathIn(dir), { force: true });
}

function pathIn(dir: string): string {
  return join(dir, 'wireguard.key');
}

function parse(pem: string, path: string): WireguardKey {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'x25519') return raw(key);
  } catch (cause) {
    throw corrupt(path, cause);
  }
  throw corrupt(path, undefined);
}

function corrupt(path: string, cause: unknown): GantryError {
  return new GantryError('CORRUPT', `${path} holds no WireGuard key`, {
    hint: 'remove the file and restart gantryd: it makes another, and tells the managers',
    cause,
  });
}

function raw(key: KeyObject): WireguardKey {
  const { d = '', x = '' } = { ...createPublicKey(key).export({ format: 'jwk' }), ...key.export({ format: 'jwk' }) };
  const [privateKey, publicKey] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')];
  if (privateKey.length !== KEY_BYTES || publicKey.length !== KEY_BYTES) throw new Error('an X25519 key has 32 bytes');
  return { privateKey, publicKey: publicKey.toString('base64') };
}

/** On disk before anybody hears of it: after a power failure peers would know another. */
async function write(path: string, pem: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(pem);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
