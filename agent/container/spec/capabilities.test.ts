import { describe, expect, it } from 'vitest';
import { availableCapabilities, boundingSet, processCapabilities } from './capabilities.ts';

function bounding(change: { add?: string[]; drop?: string[]; privileged?: boolean; available?: string[] } = {}) {
  return boundingSet({
    add: [],
    drop: [],
    privileged: false,
    available: availableCapabilities('1ffffffffff'),
    ...change,
  });
}

describe('capabilities', () => {
  it('are Docker’s fourteen by default', () => {
    expect(bounding()).toHaveLength(14);
    expect(bounding()).toContain('CAP_NET_BIND_SERVICE');
    expect(bounding()).not.toContain('CAP_SYS_ADMIN');
  });

  it('are added and dropped by names in any form', () => {
    const set = bounding({ add: ['net_admin', 'CAP_SYS_TIME'], drop: ['Cap_Chown'] });
    expect(set).toContain('CAP_NET_ADMIN');
    expect(set).toContain('CAP_SYS_TIME');
    expect(set).not.toContain('CAP_CHOWN');
  });

  it('can start from all or from none', () => {
    expect(bounding({ add: ['ALL'] })).toHaveLength(41);
    expect(bounding({ add: ['ALL'], drop: ['MKNOD'] })).not.toContain('CAP_MKNOD');
    expect(bounding({ drop: ['ALL'] })).toEqual([]);
    expect(bounding({ drop: ['all'], add: ['KILL'] })).toEqual(['CAP_KILL']);
  });

  it('are all that gantryd has for a privileged container', () => {
    expect(bounding({ privileged: true })).toHaveLength(41);
    expect(bounding({ privileged: true, available: availableCapabilities('3fffffffff') }).at(-1)).toBe(
      'CAP_AUDIT_READ',
    );
  });

  it('that gantryd lacks are left out, or refused when they are asked for', () => {
    const available = availableCapabilities('1fffffffffe');
    expect(bounding({ available })).not.toContain('CAP_CHOWN');
    expect(bounding({ available, add: ['ALL'] })).toHaveLength(40);
    expect(() => bounding({ available, add: ['chown'] })).toThrow("CAP_CHOWN can't be given to a container");
  });

  it('refuse a name that there is not', () => {
    expect(() => bounding({ add: ['FLY'] })).toThrow('unknown capability "FLY"');
    expect(() => bounding({ drop: ['CAP_FLY'] })).toThrow('unknown capability');
  });

  it('are held by root alone; others keep the bounding set', () => {
    expect(processCapabilities(['CAP_KILL'], 0)).toMatchObject({ effective: ['CAP_KILL'], bounding: ['CAP_KILL'] });
    expect(processCapabilities(['CAP_KILL'], 1000)).toMatchObject({
      effective: [],
      permitted: [],
      bounding: ['CAP_KILL'],
    });
  });
});
