import type { IKeyValue } from 'etcd3';
import { describe, expect, it } from 'vitest';
import { EMPTY_VIEW, isSameCluster, viewOf, withEvents } from './cluster-view.ts';
import { Keys } from './keys.ts';

const keys = new Keys('p');

function kv(key: Buffer, value: string, revision: number, lease = '0'): IKeyValue {
  return { key, value: Buffer.from(value), mod_revision: String(revision), create_revision: '1', version: '1', lease };
}

const found = [kv(keys.leader, 'a', 7, '11'), kv(keys.member('a'), 'a:1', 2), kv(keys.alive('a'), '', 6, '11')];

describe('the view of the cluster', () => {
  it('is what was found', () => {
    expect(viewOf(keys, found, 9)).toEqual({
      revision: 9,
      leader: { id: 'a', term: 7 },
      members: new Map([['a', 'a:1']]),
      alive: new Map([['a', '11']]),
    });
    expect(viewOf(keys, [], 3)).toEqual({ ...EMPTY_VIEW, revision: 3 });
  });

  it('follows what happens', () => {
    const view = withEvents(keys, viewOf(keys, found, 9), [
      { type: 'Delete', kv: kv(keys.leader, '', 10), prev_kv: kv(keys.leader, '', 7) },
      { type: 'Put', kv: kv(keys.member('b'), 'b:1', 11), prev_kv: kv(keys.leader, '', 0) },
      { type: 'Put', kv: kv(keys.leader, 'b', 12, '13'), prev_kv: kv(keys.leader, '', 0) },
      { type: 'Delete', kv: kv(keys.alive('a'), '', 13), prev_kv: kv(keys.leader, '', 0) },
    ]);
    expect(view).toEqual({
      revision: 13,
      leader: { id: 'b', term: 12 },
      members: new Map([
        ['a', 'a:1'],
        ['b', 'b:1'],
      ]),
      alive: new Map(),
    });
  });

  it('passes over keys of later versions', () => {
    const unknown = kv(Buffer.from('p/cluster/later/x'), 'y', 99);
    expect(viewOf(keys, [unknown], 100)).toEqual({ ...EMPTY_VIEW, revision: 100 });
  });

  it('is the same with the same leader, members and leases, whatever its revision', () => {
    const view = viewOf(keys, found, 9);
    expect(isSameCluster(view, viewOf(keys, found, 12))).toBe(true);
    const others = [
      [...found, kv(keys.member('b'), 'b:1', 8)],
      found.slice(0, 2),
      [...found, kv(keys.member('a'), 'a:2', 8)],
      [...found, kv(keys.alive('a'), '', 8, '12')],
      [...found, kv(keys.leader, 'a', 8, '11')],
    ];
    for (const other of others) expect(isSameCluster(view, viewOf(keys, other, 9))).toBe(false);
  });
});
