/** `gantry network doctor`: what is broken on purpose is named, with the way it is broken in, and what to do. */
import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { output } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { Lan } from '../lab/lan.ts';
import { until } from '../lab/until.ts';

interface Finding {
  readonly Node: string;
  readonly Peer: string;
  readonly Subject: string;
  readonly Message: string;
  readonly Hint: string;
}

let lan: Lan;
let hosts: [Host, Host, Host];

beforeAll(async () => {
  lan = await Lan.create('doctor', 3);
  hosts = lan.hosts as [Host, Host, Host];
  await Promise.all(hosts.map((host) => host.start()));
});

afterAll(() => lan.destroy());

async function diagnose(host: Host): Promise<{ readonly code: number | null; readonly findings: Finding[] }> {
  const { code, stdout, stderr } = await host.gantry(['network', 'doctor', '--format', 'json'], { timeoutMs: 60_000 });
  expect(stderr).toBe('');
  const findings = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Finding);
  return { code, findings };
}

/** NODE → PEER SUBJECT, sorted; nodes as h1, h2, h3. */
function ways(findings: readonly Finding[]): string[] {
  const short = (name: string) => /-(h\d)-/.exec(name)?.[1] ?? name;
  return findings
    .map(({ Node, Peer, Subject }) => `${short(Node)}${Peer === '' ? '' : ` → ${short(Peer)}`} ${Subject}`)
    .toSorted();
}

const nft = (host: Host, rules: string) => output(host.inside(['nft', rules]));

describe('a host in no cluster', () => {
  it('is well, and says so', async () => {
    const { code, stdout } = await hosts[0].gantry(['network', 'doctor']);
    expect([code, stdout]).toEqual([0, 'All is well: this host\n']);
  });

  it('stays well when it is told not to forward, and by a firewall that does not: that is put right', async () => {
    const [host] = hosts;
    await output(host.inside(['sysctl', '-qw', 'net.ipv4.ip_forward=0']));
    await nft(
      host,
      'add table inet strict; add chain inet strict fw { type filter hook forward priority 0; policy drop; }',
    );
    await until('it is well', async () => (await diagnose(host)).code === 0);
    await nft(host, 'delete table inet strict');
  });

  it.skipIf(!existsSync('/usr/sbin/iptables-legacy'))(
    'is told of older iptables that nobody opens, until they are',
    async () => {
      const [host] = hosts;
      await output(host.inside(['iptables-legacy', '-P', 'FORWARD', 'DROP']));
      const { code, findings } = await diagnose(host);
      expect([code, ...findings.map(({ Subject }) => Subject)]).toEqual([1, 'firewall']);
      // As it is told to.
      const rule = /run '(iptables-legacy [^']* ACCEPT)'/.exec(findings[0]?.Hint ?? '')?.[1] ?? '';
      for (const flag of ['-i', '-o']) await output(host.inside(rule.replace('-i', flag).split(' ')));
      expect(await diagnose(host)).toEqual({ code: 0, findings: [] });
      await output(host.inside(['iptables-legacy', '-F', 'FORWARD']));
      await output(host.inside(['iptables-legacy', '-P', 'FORWARD', 'ACCEPT']));
    },
  );
});

describe('a cluster', () => {
  let [first, second, third] = [] as unknown as [Host, Host, Host];

  beforeAll(async () => {
    [first, second, third] = hosts;
    await first.ok(['cluster', 'init', '--advertise-addr', first.address]);
    const manager = await first.look(['cluster', 'join-token', '-q', 'manager']);
    const worker = await first.look(['cluster', 'join-token', '-q', 'worker']);
    await second.ok(['cluster', 'join', '--token', manager, `${first.address}:2377`]);
    await third.ok(['cluster', 'join', '--token', worker, `${first.address}:2377`]);
    await until('all are well', async () => (await first.gantry(['network', 'doctor'])).code === 0);
  });

  afterEach(async () => {
    for (const host of hosts) {
      expect(await output(host.inside(['nft', 'list', 'tables']))).not.toContain('gantry-check');
      await output(host.inside(['ip', 'link', 'set', 'uplink', 'mtu', '1500']));
      const tables = await output(host.inside(['nft', 'list', 'tables']));
      if (tables.includes('inet test')) await nft(host, 'delete table inet test');
    }
    await lan.heal(second, third);
    await lan.heal(third, second);
    await until('all are well', async () => (await first.gantry(['network', 'doctor'])).code === 0, 60_000);
  });

  it('is well, on any manager; a worker looks at itself and says where to ask', async () => {
    expect((await second.ok(['network', 'doctor'])).split(', ')).toHaveLength(3);
    const { code, stderr } = await third.gantry(['network', 'doctor']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('run it on a manager')]);
  });

  it('names a way that is cut, and its direction', async () => {
    await lan.cut(third, second);
    // Whom it had called through that way calls anew first.
    await until('it is named', async () => {
      const { code, findings } = await diagnose(first);
      expect([code, ...ways(findings)]).toEqual([1, 'h3 → h2 tcp', 'h3 → h2 udp']);
      return true;
    });
  });

  it('names a firewall that drops VXLAN, and nothing else', async () => {
    await nft(second, 'add table inet test; add chain inet test in { type filter hook input priority 0; }');
    await nft(second, `add rule inet test in ip saddr ${third.address} udp dport 4789 drop`);
    const { findings } = await diagnose(first);
    expect(ways(findings)).toEqual(['h3 → h2 udp']);
    expect(findings[0]?.Hint).toMatch(/firewall of \S+h2\S+.*4789/);
  });

  it('names a host that sends no VXLAN', async () => {
    await nft(third, 'add table inet test; add chain inet test out { type filter hook output priority 0; }');
    await nft(third, `add rule inet test out ip daddr ${first.address} udp dport 4789 drop`);
    const { findings } = await diagnose(first);
    expect(ways(findings)).toEqual(['h3 → h1 udp', 'h3 → h1 udp']);
    expect(findings.map(({ Message }) => Message).join()).toContain('EPERM');
  });

  it('names a link with another MTU', async () => {
    await output(second.inside(['ip', 'link', 'set', 'uplink', 'mtu', '1400']));
    const { findings } = await diagnose(first);
    expect(ways(findings)).toContain('h2 mtu');
    expect(findings.find(({ Peer }) => Peer === '')?.Message).toContain('MTU 1400, others have 1500');
    expect(ways(findings)).toContain('h1 → h2 mtu');
    expect(ways(findings)).toContain('h3 → h2 mtu');
    expect(findings.every(({ Subject }) => Subject === 'mtu')).toBe(true);
  });

  it('names a node that is off', async () => {
    await third.stop('SIGKILL');
    await until('it counts as down', async () => (await first.look(['node', 'ls'])).includes('Down'), 60_000);
    expect(ways((await diagnose(first)).findings)).toEqual(['h3 node']);
    await third.start();
  });
});
