import { describe, expect, it } from 'vitest';
import { bridgeName, vethName } from './link-names.ts';
import type { Link } from './netlink/link.ts';
import { planRecovery, type RecoveryState } from './recovery-plan.ts';
import type { SandboxRecord } from './sandbox-record.ts';
import { sandboxRequest } from './testing/lab.ts';

const INSTANCE = 'i';
const bridge = bridgeName(INSTANCE, 'net');

function record(containerId: string, ready = true): SandboxRecord {
  const attachments = [{ networkId: 'net', networkName: 'net', address: '10.0.0.2', aliases: [] }];
  return { request: sandboxRequest(containerId), attachments, ports: [], ready };
}

function link(name: string, index: number, master?: number): Link {
  return {
    name,
    index,
    alias: '',
    kind: '',
    up: true,
    mtu: 1500,
    mac: '',
    master,
    vni: undefined,
    isRootedElsewhere: false,
  };
}

function plan(state: Partial<RecoveryState>) {
  return planRecovery({
    instance: INSTANCE,
    live: new Set(),
    sandboxes: [],
    networkIds: [],
    overlayIds: [],
    parents: [],
    links: [],
    pinned: new Set(),
    withFiles: new Set(),
    ...state,
  });
}

describe('planRecovery', () => {
  it('does nothing when all is as it was', () => {
    const links = [link('eth0', 2), link(bridge, 3), link(vethName(INSTANCE, 'a', 0), 4, 3)];
    const state = {
      live: new Set(['a']),
      sandboxes: [record('a')],
      networkIds: ['net'],
      links,
      pinned: new Set(['a']),
    };
    expect(plan(state)).toEqual([{ kind: 'create-bridge', networkId: 'net' }]);
  });

  it('removes what belongs to containers that are gone, and what belongs to nobody', () => {
    const gone = vethName(INSTANCE, 'gone', 0);
    const links = [link('eth0', 2), link(bridge, 3), link(gone, 4, 3), link(bridgeName('other', 'net'), 5)];
    expect(
      plan({
        sandboxes: [record('gone')],
        links,
        pinned: new Set(['gone', 'unknown']),
        withFiles: new Set(['halfway']),
      }),
    ).toEqual([
      { kind: 'remove-sandbox', containerId: 'gone' },
      { kind: 'delete-links', names: [bridge, gone] },
      { kind: 'unpin', containerId: 'gone' },
      { kind: 'unpin', containerId: 'unknown' },
      { kind: 'unpin', containerId: 'halfway' },
    ]);
  });

  it('keeps addresses of a live container whose namespace is gone or was never finished', () => {
    const half = vethName(INSTANCE, 'half', 0);
    const state = {
      live: new Set(['rebooted', 'half']),
      sandboxes: [record('rebooted'), record('half', false)],
      links: [link(half, 4)],
      pinned: new Set(['half']),
    };
    expect(plan(state)).toEqual([
      { kind: 'forget-kernel-state', containerId: 'rebooted' },
      { kind: 'forget-kernel-state', containerId: 'half' },
      { kind: 'delete-links', names: [half] },
      { kind: 'unpin', containerId: 'half' },
    ]);
  });

  it('plugs links in again when their bridge or they themselves are missing, after the bridge is there', () => {
    const state = { live: new Set(['a']), sandboxes: [record('a')], networkIds: ['net'], pinned: new Set(['a']) };
    const expected = [
      { kind: 'create-bridge', networkId: 'net' },
      { kind: 'repair-links', containerId: 'a' },
    ];
    const veth = vethName(INSTANCE, 'a', 0);
    expect(plan({ ...state, links: [link(veth, 4)] }), 'no bridge').toEqual(expected);
    expect(plan({ ...state, links: [link(bridge, 3)] }), 'no veth').toEqual(expected);
    expect(plan({ ...state, links: [link(bridge, 3), link(veth, 4, 9)] }), 'another bridge').toEqual(expected);
  });
});
