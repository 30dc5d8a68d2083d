import { describe, expect, it } from 'vitest';
import { type NftRule, planPassage, planRemoval } from './passage.ts';

const FORWARD = { family: 'inet', table: 'filter', name: 'forward', type: 'filter', hook: 'forward' };
const IIFNAME = 'iifname "gtab12*" counter accept comment "gantry-x"';
const OIFNAME = 'oifname "gtab12*" counter accept comment "gantry-x"';

let handles = 0;

function rule(expr: NftRule['expr'], more: Partial<NftRule> = {}): NftRule {
  handles += 1;
  return { family: 'inet', table: 'filter', chain: 'forward', handle: handles, expr, ...more };
}

const drop = { drop: null };
const port = { match: { op: '==', left: { payload: { protocol: 'tcp', field: 'dport' } }, right: 22 } };
const ours = (): NftRule[] => [1, 2].map(() => rule([{ accept: null }], { comment: 'gantry-x' }));

function plan(policy: string, rules: readonly NftRule[], chain = { ...FORWARD, policy }) {
  return planPassage({ chains: [chain], rules }, 'gantry-x', 'gtab12');
}

describe('planPassage', () => {
  it('adds rules at the end of a chain that drops by default, after all that it says itself', () => {
    expect(plan('drop', [rule([port, drop])])).toEqual([
      {
        chain: 'inet filter forward',
        changes: [`add rule inet filter forward ${IIFNAME}`, `add rule inet filter forward ${OIFNAME}`],
      },
    ]);
  });

  it('puts them before a last rule that refuses the rest, also one in another chain', () => {
    const reject = rule([{ counter: {} }, { log: {} }, { reject: { type: 'icmpx' } }]);
    const before = `insert rule inet filter forward handle ${reject.handle}`;
    expect(plan('accept', [rule([port, drop]), reject])[0]?.changes).toEqual([
      `${before} ${IIFNAME}`,
      `${before} ${OIFNAME}`,
    ]);
    const jump = rule([{ jump: { target: 'refuse' } }]);
    const there = rule([drop], { chain: 'refuse' });
    expect(plan('drop', [jump, there])[0]?.changes[0]).toBe(
      `insert rule inet filter forward handle ${jump.handle} ${IIFNAME}`,
    );
  });

  it('leaves a chain in force that its owner jumps to, and that lets some through', () => {
    const jump = rule([{ jump: { target: 'DOCKER-USER' } }]);
    const there = [rule([port, { return: null }], { chain: 'DOCKER-USER' }), rule([drop], { chain: 'DOCKER-USER' })];
    expect(plan('drop', [jump, ...there])[0]?.changes[0]).toBe(`add rule inet filter forward ${IIFNAME}`);
  });

  it('needs none where nothing is refused by default', () => {
    expect(plan('accept', [rule([port, drop]), rule([{ jump: { target: 'empty' } }])])).toEqual([]);
    expect(plan('drop', [], { ...FORWARD, hook: 'input', policy: 'drop' })).toEqual([]);
    expect(plan('drop', [], { ...FORWARD, family: 'bridge', policy: 'drop' })).toEqual([]);
  });

  it('leaves rules alone that are in their place', () => {
    expect(plan('drop', [rule([port, drop]), ...ours()])).toEqual([]);
    expect(plan('accept', [rule([port, drop]), ...ours(), rule([drop])])).toEqual([]);
    // What stands behind a rule that refuses everything doesn't count.
    expect(plan('accept', [...ours(), rule([drop]), rule([port, drop])])).toEqual([]);
  });

  it('makes way for a rule that was added behind, and completes what is incomplete', () => {
    const [first, second] = ours() as [NftRule, NftRule];
    const removed = [first, second].map(({ handle }) => `delete rule inet filter forward handle ${handle}`);
    const added = [IIFNAME, OIFNAME].map((text) => `add rule inet filter forward ${text}`);
    expect(plan('drop', [first, second, rule([port, drop])])[0]?.changes).toEqual([...removed, ...added]);
    expect(plan('drop', [first])[0]?.changes).toEqual([removed[0], ...added]);
  });

  it('takes them away where nothing is refused any more', () => {
    const rules = ours();
    const removed = rules.map(({ handle }) => `delete rule inet filter forward handle ${handle}`);
    expect(plan('accept', rules)[0]?.changes).toEqual(removed);
    expect(planRemoval({ chains: [], rules: [...rules, rule([drop])] }, 'gantry-x')).toEqual(removed);
  });
});
