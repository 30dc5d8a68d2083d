import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestAuthority } from './identity.testing.ts';
import { loadIdentity, saveIdentity, validity } from './identity-files.ts';
import { ownPeer } from './tls.ts';

const PEER = { nodeId: 'n1', role: 'worker', clusterId: 'c1' } as const;

let dir: string;
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'gantry-identity-')), 'identity');
});
afterEach(() => rmSync(join(dir, '..'), { recursive: true, force: true }));

describe('identity files', () => {
  it('are nobody else’s, and say who the node is', async () => {
    const ca = await TestAuthority.create();
    expect(loadIdentity(dir)).toBeUndefined();
    // Whatever the umask is.
    const umask = process.umask(0);
    await saveIdentity(dir, await ca.issue(PEER));
    await saveIdentity(dir, await ca.issue({ ...PEER, nodeId: 'n2' }));
    process.umask(umask);
    expect(readdirSync(dir).sort()).toEqual(['ca.crt', 'node.pem']);
    for (const path of [dir, join(dir, 'ca.crt'), join(dir, 'node.pem')]) expect(statSync(path).mode & 0o077).toBe(0);
    const identity = loadIdentity(dir);
    expect(identity && ownPeer(identity)).toEqual({ ...PEER, nodeId: 'n2' });
  });

  it('refuse what is damaged', async () => {
    await saveIdentity(dir, await (await TestAuthority.create()).issue(PEER));
    writeFileSync(join(dir, 'node.pem'), 'half a certif');
    expect(() => loadIdentity(dir)).toThrow(/identity/);
  });

  it('know how long the certificate is valid', async () => {
    const { fromMs, untilMs } = validity(await (await TestAuthority.create()).issue(PEER, 3_600_000));
    expect(untilMs - fromMs).toBeGreaterThan(10_000_000);
    expect(untilMs).toBeGreaterThan(Date.now());
  });
});
