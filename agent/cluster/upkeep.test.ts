import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { Membership as ToldMembership } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import { TestAuthority } from '../../proto/identity.testing.ts';
import { pemOf, rootDigest, tlsOf } from '../../proto/root-certificates.ts';
import type { NodeIdentity, PeerRole } from '../../proto/tls.ts';
import { MembershipFile } from './membership.ts';
import { renewalTimeMs } from './renewal.ts';
import { Upkeep } from './upkeep.ts';

const HOUR_MS = 3_600_000;

let dir: string;
let ca: TestAuthority;
let file: MembershipFile;
let identity: NodeIdentity | undefined;
/** What the CA gives next. */
let granted: PeerRole;
let failures: number;
let calls: string[];
let reported: number[];
/** Held up until it is called; undefined: the CA answers at once. */
let answer: PromiseWithResolvers<void> | undefined;
let end: AbortController;
let running: Promise<void> | undefined;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-upkeep-'));
  ca = await TestAuthority.create();
  file = new MembershipFile(join(dir, 'cluster.json'));
  [failures, calls, reported, answer, end, granted] = [0, [], [], undefined, new AbortController(), 'worker'];
  const rest = { clusterId: 'c1', advertiseAddr: '192.0.2.9', managers: [], leaving: false };
  await file.save({ nodeId: 'n1', manager: false, ...rest });
  identity = await issue('worker');
});
afterEach(async () => {
  end.abort();
  await running;
  rmSync(dir, { recursive: true, force: true });
});

function issue(role: PeerRole, lifeMs = 100 * HOUR_MS): Promise<NodeIdentity> {
  return ca.issue({ nodeId: 'n1', role, clusterId: 'c1' }, lifeMs);
}

/** `offsetMs`: how far the node's clock is from the system's. */
function start(offsetMs = 0): Upkeep {
  const actions = {
    identity: () => identity,
    report: (rotationStartedAtMs: number) => void reported.push(rotationStartedAtMs),
    trust: async (caPem: string) => {
      calls.push('trust');
      identity = identity && { ...identity, caPem };
    },
    renew: async (isWanted: () => boolean) => {
      calls.push('renew');
      if (failures-- > 0) throw new GantryError('UNAVAILABLE', 'no manager answers');
      const issued = await issue(granted);
      await answer?.promise;
      if (isWanted()) identity = issued;
    },
    startManager: async () => {
      calls.push('start');
      await file.update({ manager: true });
    },
    stopManager: async () => {
      calls.push('stop');
      await file.update({ manager: false });
    },
  };
  const logger = pino({ level: 'silent' });
  const upkeep = new Upkeep({ file, actions, logger, random: () => 0, now: () => Date.now() + offsetMs });
  running = upkeep.run(end.signal);
  return upkeep;
}

function told(role: NodeRole, managers: string[]): ToldMembership {
  const addresses = managers.map((nodeId) => ({ nodeId, address: `${nodeId}:2377` }));
  return ToldMembership.fromPartial({ node: { id: 'n1', spec: { role } }, managers: addresses });
}

const happened = (expected: string[]) =>
  vi.waitFor(() => expect(calls).toEqual(expected), { timeout: 5000, interval: 5 });

describe('upkeep', () => {
  it('leaves a node as it is until it is told something else, and keeps the managers for the next start', async () => {
    const upkeep = start();
    upkeep.receive(told(NodeRole.WORKER, ['m1', 'm2']));
    const known = ['m1', 'm2'].map((nodeId) => ({ nodeId, address: `${nodeId}:2377` }));
    await vi.waitFor(() => expect(new MembershipFile(join(dir, 'cluster.json')).load()?.managers).toEqual(known));
    expect(calls).toEqual([]);
  });

  it('goes up and down with the role', async () => {
    const upkeep = start();
    granted = 'manager';
    upkeep.receive(told(NodeRole.MANAGER, ['m1']));
    await happened(['renew', 'start']);
    upkeep.receive(told(NodeRole.MANAGER, ['m1', 'n1']));
    granted = 'worker';
    // As long as the others have it among them it goes on.
    upkeep.receive(told(NodeRole.WORKER, ['m1', 'n1']));
    upkeep.receive(told(NodeRole.WORKER, ['m1']));
    await happened(['renew', 'start', 'stop', 'renew']);
    expect(file.current?.manager).toBe(false);
  });

  it('tries again when no manager answers, and when it is given what it does not need', async () => {
    failures = 1;
    const upkeep = start();
    upkeep.receive(told(NodeRole.MANAGER, ['m1']));
    await happened(['renew', 'renew']);
    granted = 'manager';
    await happened(['renew', 'renew', 'renew', 'start']);
  });

  it('renews what is past two thirds of its life', async () => {
    start(80 * HOUR_MS);
    await happened(['renew']);
  });

  it('trusts whom it is told to, and then has its certificate from there', async () => {
    const upkeep = start();
    const next = await TestAuthority.create();
    const rootCertificates = pemOf([ca.caPem, next.caPem]);
    const authority = {
      rootCertificates,
      issuer: rootDigest(next.caPem),
      certificateLifeMs: 100 * HOUR_MS,
      rotationStartedAtMs: 1,
    };
    ca = next;
    upkeep.receive({ ...told(NodeRole.WORKER, ['m1']), authority });
    // The authority of this test says only itself.
    await happened(['trust', 'renew', 'trust']);
    expect(identity && tlsOf(identity)?.issuer).toBe(rootDigest(next.caPem));
  });

  it('throws away a certificate that comes after another rotation has begun, and says for which one it stands so', async () => {
    const upkeep = start();
    const rest = { rootCertificates: ca.caPem, issuer: rootDigest(ca.caPem), certificateLifeMs: 100 * HOUR_MS };
    const receive = (rotationStartedAtMs: number) =>
      upkeep.receive({ ...told(NodeRole.MANAGER, ['m1']), authority: { ...rest, rotationStartedAtMs } });
    granted = 'manager';
    answer = Promise.withResolvers();
    receive(1);
    await vi.waitFor(() => expect(calls).toEqual(['renew']));
    const before = identity;
    receive(2);
    expect(reported.at(-1)).toBe(1);
    const late = answer;
    answer = Promise.withResolvers();
    late.resolve();
    await vi.waitFor(() => expect(calls).toEqual(['renew', 'renew']));
    expect([identity, reported.at(-1)]).toEqual([before, 2]);
    answer.resolve();
    await happened(['renew', 'renew', 'start']);
  });

  it('does nothing for a first manager that has no certificate yet', async () => {
    await file.update({ manager: true });
    identity = undefined;
    const upkeep = start();
    upkeep.receive(told(NodeRole.MANAGER, ['n1']));
    await vi.waitFor(() => expect(file.current?.managers).toHaveLength(1));
    expect(calls).toEqual([]);
  });
});

describe('renewalTimeMs', () => {
  it('lies between 60 and 70 percent of the life', async () => {
    // Valid from two hours ago; made just now.
    const short = await issue('worker', 8 * HOUR_MS);
    const [early, late] = [renewalTimeMs(short, 0), renewalTimeMs(short, 1)].map(
      (time) => (time - Date.now()) / HOUR_MS,
    );
    expect(early).toBeCloseTo(4.8, 1);
    expect(late).toBeCloseTo(5.6, 1);
  });
});
