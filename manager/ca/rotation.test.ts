import { describe, expect, it } from 'vitest';
import { NodeDescription, type NodeTls, type RootCa } from '../../proto/generated/gantry/v1/types.ts';
import { rootDigest } from '../../proto/root-certificates.ts';
import { newRootCa } from './roots.ts';
import { type Authority, desiredRoot, issuerFor, nextRotationStep, trustedRoots } from './rotation.ts';

const NOW_MS = 1_800_000_000_000;
const [OLD, NEXT] = (await Promise.all([newRootCa('c1', NOW_MS), newRootCa('c1', NOW_MS)])) as [RootCa, RootCa];
const [old, next] = [OLD, NEXT].map(({ certificate }) => rootDigest(certificate)) as [string, string];

const calm: Authority = { rootCa: OLD, caRotation: undefined };
const under = (rootCa: RootCa, crossCertificate = 'cross'): Authority => ({
  rootCa: OLD,
  caRotation: { rootCa, crossCertificate, startedAtMs: 0 },
});
const tls = (issuer: string, ...trusted: string[]): NodeTls => ({ issuer, trustedRoots: trusted });
const node = (id: string, said?: NodeTls) => ({
  id,
  description: NodeDescription.fromPartial(said ? { tls: said } : {}),
});

describe('whom nodes are to trust', () => {
  it('is the root; during a rotation both; never one twice', () => {
    const roots = (authority: Authority) => trustedRoots(authority).map(rootDigest);
    expect(roots({ rootCa: undefined, caRotation: undefined })).toEqual([]);
    expect(roots(calm)).toEqual([old]);
    expect(roots(under(NEXT))).toEqual([old, next]);
    expect(roots(under(OLD, ''))).toEqual([old]);
    expect(desiredRoot(calm)).toBe(OLD);
    expect(desiredRoot(under(NEXT))).toBe(NEXT);
  });
});

describe('whom a certificate comes from', () => {
  it.each([
    ['the root', calm, [old], OLD, ''],
    ['it also for a node that trusts more, or does not say', calm, [old, next], OLD, ''],
    ['the present root while the node does not trust the next', under(NEXT), [old], OLD, ''],
    ['it for a node of an older version, which does not say', under(NEXT), [], OLD, ''],
    ['the next root, vouched for, once the node trusts it', under(NEXT), [next, old], NEXT, 'cross'],
    ['the present root when that is to stay after all', under(OLD, ''), [old, next], OLD, ''],
  ])('is %s', (_name, authority, trusted, root, crossCertificate) => {
    expect(issuerFor(authority, trusted)).toEqual({ root, crossCertificate });
  });
});

describe('nextRotationStep', () => {
  const done = tls(next, old, next);
  const not = tls(old, old, next);
  const step = (authority: Authority, nodes: ReturnType<typeof node>[], shown: readonly [string, NodeTls][] = []) =>
    nextRotationStep(authority, nodes, new Map(shown));

  it('is nothing without a rotation', () => {
    expect(step(calm, [node('a', tls(old, old))])).toEqual({ step: 'none' });
  });

  it('waits for each node that has no certificate of the next root, or has never said so', () => {
    const all = [node('a', done), node('b', not), node('c'), node('d', tls('', old)), node('e', tls(next, next))];
    expect(step(under(NEXT), all)).toEqual({ step: 'wait', nodeIds: ['b', 'c', 'd'] });
  });

  it('waits for a node that has said so of another rotation only, and takes the word of one that never says of which', () => {
    const said = (rotationStartedAtMs: number) => node('a', { ...done, rotationStartedAtMs });
    expect(step(under(NEXT), [said(7)])).toEqual({ step: 'wait', nodeIds: ['a'] });
    expect(step(under(NEXT), [said(0)])).toEqual({ step: 'finish' });
    expect(step(under(NEXT), [node('a', done)])).toEqual({ step: 'finish' });
  });

  it('waits for a manager that has not read its new certificate yet, and not for one that does not answer', () => {
    const both = [node('a', done), node('b', done)];
    expect(step(under(NEXT), both, [['a', not]])).toEqual({ step: 'wait', nodeIds: ['a'] });
    expect(step(under(NEXT), both, [['a', done]])).toEqual({ step: 'finish' });
    expect(step(under(NEXT), both)).toEqual({ step: 'finish' });
    // What a manager shows by now is no report of its agent, and who isn't in the cluster doesn't count.
    expect(step(under(NEXT), [node('a', not)], [['a', done]])).toEqual({ step: 'wait', nodeIds: ['a'] });
    expect(step(under(NEXT), [node('a', done)], [['gone', not]])).toEqual({ step: 'finish' });
  });
});
