import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TestAuthority } from '../proto/identity.testing.ts';
import { loadIdentity, saveIdentity } from '../proto/identity-files.ts';
import { type NodeIdentity, ownPeer } from '../proto/tls.ts';
import { LiveIdentity } from './identity.ts';

const PEER = { nodeId: 'n1', role: 'manager', clusterId: 'c1' } as const;

let dir: string;
let ca: TestAuthority;
let live: LiveIdentity;
const seen: NodeIdentity[] = [];

beforeEach(async () => {
  dir = join(mkdtempSync(join(tmpdir(), 'gantry-live-')), 'identity');
  ca = await TestAuthority.create();
  live = new LiveIdentity(dir, pino({ level: 'silent' }));
  live.watch();
  seen.length = 0;
  live.onChange((identity) => seen.push(identity));
});
afterEach(() => {
  live.close();
  rmSync(join(dir, '..'), { recursive: true, force: true });
});

describe('a manager’s identity', () => {
  it('is on disk before it counts', async () => {
    expect(live.current).toBeUndefined();
    const identity = await ca.issue(PEER);
    await live.replace(identity);
    expect(seen).toHaveLength(1);
    expect(live.current && ownPeer(live.current)).toEqual(PEER);
    expect(loadIdentity(dir)).toEqual(live.current);
  });

  it('is the renewed one as soon as the agent has written it, and stays when what is there cannot be read', async () => {
    await live.replace(await ca.issue(PEER));
    const renewed = await ca.issue(PEER);
    await saveIdentity(dir, renewed);
    await vi.waitFor(() => expect(live.current?.certPem.trim()).toBe(renewed.certPem.trim()));
    writeFileSync(join(dir, 'node.pem'), 'half a certif');
    await saveIdentity(dir, renewed);
    expect(live.current?.certPem.trim()).toBe(renewed.certPem.trim());
  });
});
