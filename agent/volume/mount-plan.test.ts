import { describe, expect, it } from 'vitest';
import { planMount, withAddress } from './mount-plan.ts';

describe('planMount', () => {
  it('asks for no mount without options', () => {
    expect(planMount('v', {})).toBeUndefined();
  });

  it('parts flags from what the file system is told', () => {
    const plan = planMount('v', { type: 'tmpfs', device: 'tmpfs', o: 'ro,noexec,size=10m,uid=5,rw,nosuid' });
    expect(plan).toEqual({ type: 'tmpfs', device: 'tmpfs', flags: 0x8 | 0x2, data: 'size=10m,uid=5', host: undefined });
  });

  it('knows only its own words as flags', () => {
    expect(planMount('v', { type: 'x', device: 'y', o: 'constructor' })).toMatchObject({
      flags: 0,
      data: 'constructor',
    });
  });

  it('finds the server whose address the kernel needs', () => {
    const plan = planMount('v', { type: 'nfs', device: ':/export', o: 'addr=nas.local,nfsvers=4' });
    expect(plan?.host).toBe('nas.local');
    expect(plan && withAddress(plan, '10.0.0.9')).toBe('addr=10.0.0.9,nfsvers=4');
  });

  it.each([
    [{ type: 'tmpfs' }, /device is missing/],
    [{ device: '/x' }, /type is missing/],
    [{ o: 'bind' }, /type is missing/],
    [{ size: '10m' }, /quotas/],
    [{ colour: 'red' }, /no option colour/],
    [{ type: 'none', o: 'bind', device: 'relative' }, /absolute path/],
  ])('refuses %o', (options, message) => {
    expect(() => planMount('v', options)).toThrow(message);
  });
});
