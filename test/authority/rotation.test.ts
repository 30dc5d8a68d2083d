/**
 * The authority is rotated, to further roots too, while nodes are told things late, are killed between any two writes, go
 * down, join and are removed, and managers read their files late. The decisions are the real ones; what they do is a model.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextUpkeepStep } from '../../agent/cluster/upkeep-plan.ts';
import { newRootCa } from '../../manager/ca/roots.ts';
import { type Authority, desiredRoot, issuerFor, nextRotationStep, trustedRoots } from '../../manager/ca/rotation.ts';
import { NodeDescription, type NodeTls, type RootCa } from '../../proto/generated/gantry/v1/types.ts';
import { rootDigest } from '../../proto/root-certificates.ts';

const ROOTS = await Promise.all([1, 2, 3, 4].map(() => newRootCa('c1', 1_800_000_000_000)));
const NODES = 4;
const HORIZON = Number.MAX_SAFE_INTEGER;

/** By digests. `vouchedBy`: of the root whose cross certificate comes along; '': none. */
interface Certificate {
  readonly issuer: string;
  readonly vouchedBy: string;
}

interface Shown {
  readonly trusted: readonly string[];
  readonly certificate: Certificate;
}

class ModelNode {
  readonly id: string;
  isUp: boolean = true;
  /** As the files are, and as the node's manager has read them last. */
  disk: Shown;
  memory: Shown;
  told: Authority;
  /** Signed, and not written yet. */
  answer: (Shown & { readonly rotation: number; readonly isHalfWritten: boolean }) | undefined;
  /** How it stood when nothing was under way, for its next report. */
  said: NodeTls | undefined;
  /** What the store has of it. */
  reported: NodeTls | undefined;

  constructor(id: string, shown: Shown, told: Authority) {
    [this.id, this.disk, this.memory, this.told] = [id, shown, shown, told];
  }

  standing(rotationStartedAtMs: number): NodeTls {
    return { ...tlsOf(this.disk), rotationStartedAtMs };
  }
}

/** As the node would say it: of an issuer that it doesn't trust it says nothing. */
function tlsOf({ trusted, certificate: { issuer } }: Shown): NodeTls {
  return { trustedRoots: [...trusted], issuer: trusted.includes(issuer) ? issuer : '' };
}

const rotationOf = ({ caRotation }: Authority) => caRotation?.startedAtMs ?? 0;

const digests = (authority: Authority) => trustedRoots(authority).map(rootDigest);

function verifies({ trusted }: Shown, { certificate }: Shown): boolean {
  return trusted.includes(certificate.issuer) || trusted.includes(certificate.vouchedBy);
}

class Model {
  store: Authority;
  nodes: ModelNode[] = [];
  finished = 0;
  #rotations = 0;
  #joined = 0;

  constructor(root: RootCa) {
    this.store = { rootCa: root, caRotation: undefined };
    for (let count = 0; count < NODES; count += 1) this.join();
  }

  /** With a token of the present root. */
  join(): void {
    const { rootCa } = this.store;
    if (rootCa === undefined) throw new Error('there is always a root');
    const certificate = this.#issue([rootDigest(rootCa.certificate)]);
    this.#joined += 1;
    this.nodes.push(new ModelNode(`n${this.#joined}`, { trusted: digests(this.store), certificate }, this.store));
  }

  rotate(next: RootCa): void {
    const present = this.store.rootCa;
    const isPresent = present === next;
    if (isPresent && this.store.caRotation === undefined) return;
    const crossCertificate = isPresent || present === undefined ? '' : present.certificate;
    this.#rotations += 1;
    this.store = { ...this.store, caRotation: { rootCa: next, crossCertificate, startedAtMs: this.#rotations } };
  }

  #issue(trusted: readonly string[]): Certificate {
    const issuer = issuerFor(this.store, trusted);
    if (issuer === undefined) throw new Error('there is always a root');
    const vouchedBy = issuer.crossCertificate === '' ? '' : rootDigest(issuer.crossCertificate);
    return { issuer: rootDigest(issuer.root.certificate), vouchedBy };
  }

  /** The agent's next step, as far as the first write or answer. */
  advance(node: ModelNode): void {
    if (node.answer !== undefined) return;
    node.said = node.standing(rotationOf(node.told));
    const told = {
      roots: digests(node.told),
      issuer: rootDigest(desiredRoot(node.told)?.certificate ?? ''),
      lifeMs: HORIZON,
    };
    const certificate = { role: 'worker', renewAtMs: HORIZON, lifeMs: 0, ...tlsOf(node.disk) } as const;
    const standing = { isManager: false, wantsManager: false, isMember: false, certificate, authority: told };
    const { step } = nextUpkeepStep(standing, 0);
    if (step === 'trust') node.disk = { ...node.disk, trusted: told.roots };
    if (step !== 'renew') return;
    const rotation = rotationOf(node.told);
    const certificateNow = this.#issue(node.disk.trusted);
    node.answer = { trusted: digests(this.store), certificate: certificateNow, rotation, isHalfWritten: false };
  }

  /** First the roots, then the certificate: each is one rename. What is of another rotation is thrown away. */
  write(node: ModelNode): void {
    const { answer } = node;
    if (answer === undefined) return;
    const { trusted, certificate, rotation, isHalfWritten } = answer;
    const isWanted = isHalfWritten || rotation === rotationOf(node.told);
    if (isWanted) node.disk = isHalfWritten ? { trusted, certificate } : { ...node.disk, trusted };
    node.answer = isHalfWritten || !isWanted ? undefined : { ...answer, isHalfWritten: true };
  }

  finish(): void {
    const nodes = this.nodes.map(({ id, reported }) => ({
      id,
      description: NodeDescription.fromPartial(reported ? { tls: reported } : {}),
    }));
    const answering = this.nodes.filter(({ isUp }) => isUp);
    const shown = new Map(answering.map(({ id, memory }) => [id, tlsOf(memory)]));
    const next = this.store.caRotation?.rootCa;
    if (next === undefined || nextRotationStep(this.store, nodes as never, shown).step !== 'finish') return;
    this.store = { rootCa: next, caRotation: undefined };
    this.finished += 1;
  }

  checkTrust(): void {
    const up = this.nodes.filter(({ isUp }) => isUp);
    for (const one of up)
      for (const other of up) expect(verifies(one.memory, other.memory), `${one.id} of ${other.id}`).toBe(true);
  }
}

type Act = (model: Model, node: ModelNode) => void;

const ACTS: Readonly<Record<string, Act>> = {
  tell: ({ store }, node) => {
    node.told = store;
  },
  advance: (model, node) => model.advance(node),
  write: (model, node) => model.write(node),
  read: (_model, node) => {
    node.memory = node.disk;
  },
  report: (_model, node) => {
    node.reported = node.said ?? node.standing(0);
  },
  /** kill -9: what wasn't written is lost, what was is read at the start. */
  kill: (_model, node) => {
    node.answer = undefined;
    node.said = undefined;
    node.memory = node.disk;
  },
  /** What a node does when nothing keeps it from it. */
  comeAlong: (model, node) => {
    for (const name of ['tell', 'advance', 'write', 'write', 'read', 'report']) ACTS[name]?.(model, node);
  },
  finish: (model) => model.finish(),
  join: (model) => (model.nodes.length < NODES + 2 ? model.join() : undefined),
  remove: (model, node) => {
    if (model.nodes.length > 1) model.nodes = model.nodes.filter((one) => one !== node);
  },
};

/** Of a node that is up; going down and coming up are for any. */
function act(model: Model, name: string, index: number): void {
  const node = model.nodes[index % model.nodes.length];
  if (node === undefined) return;
  if (name === 'power') {
    node.isUp = !node.isUp;
    ACTS.kill?.(model, node);
  } else if (name === 'finish' || node.isUp) ACTS[name]?.(model, node);
}

/** Nobody is killed any more, and all are up. */
function settle(model: Model): void {
  for (let round = 0; round < 12; round += 1) {
    for (const node of model.nodes) {
      node.isUp = true;
      ACTS.comeAlong?.(model, node);
      model.checkTrust();
    }
    model.finish();
    model.checkTrust();
  }
}

const named = (...names: string[]) => fc.record({ name: fc.constantFrom(...names), index: fc.nat(20) });
const step = fc.oneof(
  { weight: 60, arbitrary: named('tell', 'advance', 'write', 'read', 'report') },
  { weight: 10, arbitrary: named('finish') },
  { weight: 6, arbitrary: named('comeAlong') },
  { weight: 3, arbitrary: named('power', 'kill', 'join', 'remove') },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('rotate'), index: fc.nat(ROOTS.length - 1) }) },
);

describe('a rotation', () => {
  it('leaves any two nodes that are up in trust of each other at each step, and ends when all come along', () => {
    let finished = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 100, maxLength: 600 }), (steps) => {
        const model = new Model(ROOTS[0] as RootCa);
        model.rotate(ROOTS[1] as RootCa);
        for (const { name, index } of steps) {
          if (name === 'rotate') model.rotate(ROOTS[index] as RootCa);
          else act(model, name, index);
          model.checkTrust();
        }
        finished += model.finished;
        settle(model);
        expect(model.store.caRotation).toBeUndefined();
        const desired = rootDigest(model.store.rootCa?.certificate ?? '');
        for (const { memory } of model.nodes)
          expect(memory).toMatchObject({ trusted: [desired], certificate: { issuer: desired } });
      }),
      { numRuns: 200, endOnFailure: true },
    );
    // Not only once all was calm.
    expect(finished).toBeGreaterThan(5);
  });
});
