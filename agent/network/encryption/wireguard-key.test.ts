import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadWireguardKey, removeWireguardKey } from './wireguard-key.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-wireguard-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('is made once, for root alone, and stays until it is removed', async () => {
  const key = await loadWireguardKey(join(dir, 'network'));
  expect(statSync(join(dir, 'network/wireguard.key')).mode & 0o777).toBe(0o600);
  expect(await loadWireguardKey(join(dir, 'network'))).toEqual(key);
  expect(readdirSync(join(dir, 'network'))).toEqual(['wireguard.key']);
  await removeWireguardKey(join(dir, 'network'));
  await removeWireguardKey(join(dir, 'network'));
  expect((await loadWireguardKey(join(dir, 'network'))).publicKey).not.toBe(key.publicKey);
});

it('is a pair of X25519: what others agree on with the public half, its holder does with the private one', async () => {
  const { privateKey, publicKey } = await loadWireguardKey(dir);
  const other = generateKeyPairSync('x25519');
  const [x, d] = [Buffer.from(publicKey, 'base64').toString('base64url'), privateKey.toString('base64url')];
  const ours = createPrivateKey({ key: { kty: 'OKP', crv: 'X25519', x, d }, format: 'jwk' });
  const theirs = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
  expect(diffieHellman({ privateKey: ours, publicKey: other.publicKey })).toEqual(
    diffieHellman({ privateKey: other.privateKey, publicKey: theirs }),
  );
});

it.each([
  ['nonsense', 'nonsense'],
  ['a key of another kind', generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })],
])('refuses a file with %s, and says what to do', async (_what, content) => {
  writeFileSync(join(dir, 'wireguard.key'), content);
  await expect(loadWireguardKey(dir)).rejects.toMatchObject({
    code: 'CORRUPT',
    hint: expect.stringContaining('remove the file'),
  });
});
