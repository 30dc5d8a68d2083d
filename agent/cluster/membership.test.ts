import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultInterface, parseAdvertiseAddress } from './advertise-address.ts';
import { MembershipFile } from './membership.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-membership-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('MembershipFile', () => {
  const membership = {
    nodeId: 'n1',
    clusterId: 'c1',
    manager: true,
    advertiseAddr: '192.0.2.1',
    managers: [{ nodeId: 'n1', address: '192.0.2.1:2377' }],
    leaving: false,
  } as const;

  it('gives back what was saved, and nothing after it was removed', async () => {
    const file = new MembershipFile(join(dir, 'sub', 'cluster.json'));
    expect(file.load()).toBeUndefined();
    await file.save(membership);
    expect(file.load()).toEqual(membership);
    expect(readFileSync(join(dir, 'sub', 'cluster.json'), 'utf8')).toContain('"nodeId": "n1"');
    await file.update({ manager: false });
    expect(file.current).toEqual({ ...membership, manager: false });
    expect(new MembershipFile(join(dir, 'sub', 'cluster.json')).load()).toEqual(file.current);
    await file.remove();
    await file.remove();
    expect(file.load()).toBeUndefined();
    // Of a change that came too late nothing is left.
    await file.update({ manager: true });
    expect(file.load()).toBeUndefined();
  });

  it.each(['', '{', '{"clusterId":"c1"}', 'null'])('refuses to go on with %j', (text) => {
    const path = join(dir, 'cluster.json');
    writeFileSync(path, text);
    expect(() => new MembershipFile(path).load()).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
  });
});

describe('parseAdvertiseAddress', () => {
  it.each(['192.0.2.1', '192.0.2.1:7000', '2001:db8::1', '[2001:db8::1]:7000'])('takes %s', (text) => {
    expect(parseAdvertiseAddress(text)).toBe(text);
  });

  it.each(['host.example', '192.0.2.1:99999', '192.0.2', 'eth0:1'])('refuses %s', (text) => {
    expect(() => parseAdvertiseAddress(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});

describe('defaultInterface', () => {
  const header = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';
  const route = (name: string, destination: string, metric: number, mask: string) =>
    `${name}\t${destination}\t0102A8C0\t0003\t0\t0\t${metric}\t${mask}\t0\t0\t0`;

  it('is the one of the default route with the lowest metric', () => {
    const routes = [
      header,
      route('eth0', '0002A8C0', 0, '00FFFFFF'),
      route('wlan0', '00000000', 600, '00000000'),
      route('eth0', '00000000', 100, '00000000'),
    ];
    expect(defaultInterface(`${routes.join('\n')}\n`)).toBe('eth0');
  });

  it('is none without a default route', () => {
    expect(defaultInterface(`${header}\n${route('eth0', '0002A8C0', 0, '00FFFFFF')}\n`)).toBeUndefined();
  });
});
