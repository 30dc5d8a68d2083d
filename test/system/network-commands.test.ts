/** `gantry network …` as its users type it: on a host alone, and in a cluster of two. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Census, takeCensus } from '../lab/census.ts';
import { output } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';
import { until } from '../lab/until.ts';

let lan: Lan;
let first: Host;
let second: Host;
let empty: readonly Census[];

beforeAll(async () => {
  lan = await Lan.create('netcmd', 2);
  [first, second] = lan.hosts as [Host, Host];
  empty = await Promise.all(lan.hosts.map(takeCensus));
  await Promise.all(lan.hosts.map((host) => host.start()));
  await Promise.all(lan.hosts.map((host) => importBusybox(host)));
});

afterAll(() => lan.destroy());

/** A container that does nothing for a while. */
const idle = (host: Host, name: string, ...flags: string[]) =>
  host.ok(['run', '-d', '--init', '--name', name, ...flags, 'busybox', 'sleep', '1000']);
const ping = (host: Host, from: string, to: string) =>
  host.gantry(['exec', from, 'ping', '-c', '1', '-W', '2', to]).then(({ code }) => code === 0);
const inspect = (host: Host, network: string, format: string) => host.ok(['network', 'inspect', '-f', format, network]);

async function restartNear(): Promise<void> {
  await first.ok(['restart', '-t', '0', 'near']);
}

async function killFirst(): Promise<void> {
  await first.stop('SIGKILL');
  await first.start();
}

async function refused(host: Host, argv: readonly string[]): Promise<string> {
  const { code, stderr, stdout } = await host.gantry(argv);
  expect([code, stdout]).not.toEqual([0, '']);
  expect(code).not.toBe(0);
  return stderr;
}

describe('on a host alone', () => {
  it('makes networks, shows and removes them', async () => {
    const flags = [
      '--subnet',
      '10.77.0.0/24',
      '--gateway',
      '10.77.0.9',
      '--ip-range',
      '10.77.0.128/25',
      '--label',
      'a=1',
    ];
    const id = await first.ok(['network', 'create', ...flags, '-o', 'com.docker.network.driver.mtu=1400', 'front']);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(
      await first.ok(['network', 'ls', '--filter', 'label=a=1', '--format', '{{.Name}} {{.Driver}} {{.Scope}}']),
    ).toBe('front bridge local');
    expect(await inspect(first, 'front', '{{json .IPAM.Config}}')).toBe(
      '[{"Subnet":"10.77.0.0/24","IPRange":"10.77.0.128/25","Gateway":"10.77.0.9"}]',
    );
    expect(await first.ok(['network', 'rm', id.slice(0, 8)])).toBe(id.slice(0, 8));
    expect(await refused(first, ['network', 'rm', 'front'])).toContain('not found');
    expect(await first.ok(['network', 'rm', '-f', 'front'])).toBe('');
  });

  it('connects and disconnects what runs, over a restart of the container and kill -9 of gantryd', async () => {
    await first.ok(['network', 'create', '--subnet', '10.77.0.0/24', 'front']);
    await idle(first, 'one');
    await idle(first, 'two', '--network', 'front', '--ip', '10.77.0.7');
    expect(await ping(first, 'two', 'one')).toBe(false);
    await first.ok(['network', 'connect', '--ip', '10.77.0.8', '--alias', 'web', 'front', 'one']);
    expect(await ping(first, 'two', 'web')).toBe(true);
    expect(await first.ok(['inspect', '-f', '{{.NetworkSettings.Networks.front.IPAddress}}', 'one'])).toBe('10.77.0.8');
    const onFront = await inspect(first, 'front', '{{range .Containers}}{{.Name}} {{.IPv4Address}},{{end}}');
    expect(onFront.split(',').toSorted()).toEqual(['', 'one 10.77.0.8/24', 'two 10.77.0.7/24']);
    await first.ok(['network', 'disconnect', 'bridge', 'one']);
    await first.ok(['restart', '-t', '0', 'one']);
    expect(await ping(first, 'two', 'web')).toBe(true);
    await first.stop('SIGKILL');
    await first.start();
    expect(await ping(first, 'two', 'web')).toBe(true);
    expect(await first.ok(['inspect', '-f', '{{len .NetworkSettings.Networks}}', 'one'])).toBe('1');
    expect(await refused(first, ['network', 'rm', 'front'])).toContain('active endpoints: one, two');
    expect(await refused(first, ['network', 'connect', 'front', 'one'])).toContain('already on network front');
    expect(await refused(first, ['network', 'connect', 'front', 'nobody'])).toContain('no such container');
    expect(await refused(first, ['network', 'connect', 'nope', 'one'])).toContain('network nope not found');
    expect(await refused(first, ['network', 'connect', 'host', 'one'])).toContain('network host');
    expect(await refused(first, ['network', 'disconnect', 'bridge', 'one'])).toContain('not connected');
    expect(await refused(first, ['network', 'connect', '--ip', '172.17.0.9', 'bridge', 'one'])).toContain('--subnet');
    await first.ok(['network', 'disconnect', '-f', 'bridge', 'one']);
    await first.ok(['stop', '-t', '0', 'one']);
    await first.ok(['network', 'disconnect', 'front', 'one']);
    await first.ok(['network', 'connect', 'bridge', 'one']);
    await first.ok(['start', 'one']);
    expect(await ping(first, 'two', 'web')).toBe(false);
    await first.ok(['rm', '-f', 'one', 'two']);
    await first.ok(['network', 'prune', '-f']);
    expect(await first.ok(['network', 'ls', '-q', '--filter', 'type=custom'])).toBe('');
  });

  it('puts containers on the LAN of the host, over a restart and kill -9 of gantryd', async () => {
    const lan = ['--subnet', '10.99.0.0/24', '--gateway', '10.99.0.2', '--ip-range', '10.99.0.192/26'];
    await first.ok([
      'network',
      'create',
      '-d',
      'macvlan',
      ...lan,
      '--aux-address',
      'printer=10.99.0.193',
      '-o',
      'parent=uplink',
      'lan',
    ]);
    const mac = '02:42:00:00:00:99';
    await idle(first, 'near', '--network', 'lan', '--ip', '10.99.0.200', '--mac-address', mac);
    const other = ['network', 'create', '-d', 'macvlan', '-o', 'parent=uplink', 'other'];
    expect(await refused(first, other)).toMatch(/network lan is already using parent uplink.*parent=uplink\.10/s);
    const published = ['create', '-p', '80:80', '--network', 'lan', 'busybox', 'true'];
    expect(await refused(first, published)).toMatch(/can't be published on macvlan network lan.*--network bridge/s);
    await idle(first, 'both');
    await first.ok(['network', 'connect', 'lan', 'both']);
    const seen = () => output(second.inside(['busybox', 'ping', '-c', '1', '-W', '2', '10.99.0.200']));
    for (const disturb of [async () => undefined, restartNear, killFirst]) {
      await disturb();
      expect(await seen()).toContain('1 packets received');
      expect(await ping(first, 'near', '10.99.0.2')).toBe(true);
      expect(await ping(first, 'both', 'near')).toBe(true);
    }
    expect(await first.ok(['inspect', '-f', '{{.NetworkSettings.Networks.lan.MacAddress}}', 'near'])).toBe(mac);
    expect(await inspect(first, 'lan', '{{json .IPAM.Config}}')).toContain(
      '"AuxiliaryAddresses":{"printer":"10.99.0.193"}',
    );
    await first.ok(['network', 'disconnect', 'lan', 'both']);
    expect(await ping(first, 'both', 'near')).toBe(false);
    expect(await refused(first, ['network', 'rm', 'lan'])).toContain('active endpoints: near');
    await first.ok(['rm', '-f', 'near', 'both']);
    await first.ok(['network', 'rm', 'lan']);
  });

  it('makes networks with IPv6, and fixes addresses of them', async () => {
    await first.ok(['network', 'create', '--ipv6', '--subnet', 'fd00:66::/64', '--subnet', '10.66.0.0/24', 'six']);
    expect(await first.ok(['network', 'ls', '--filter', 'name=six', '--format', '{{.Name}} {{.IPv6}}'])).toBe(
      'six true',
    );
    expect(await inspect(first, 'six', '{{.EnableIPv6}} {{(index .IPAM.Config 1).Subnet}}')).toBe('true fd00:66::/64');
    await idle(first, 'one', '--network', 'six', '--ip6', 'fd00:66::9');
    const address = '{{.NetworkSettings.Networks.six.GlobalIPv6Address}} {{.NetworkSettings.Networks.six.IPv6Gateway}}';
    expect(await first.ok(['inspect', '--format', address, 'one'])).toBe('fd00:66::9 fd00:66::1');
    await idle(first, 'two');
    await first.ok(['network', 'connect', '--ip6', 'fd00:66::5', 'six', 'two']);
    expect(await first.ok(['exec', 'two', 'ping', '-c', '1', '-W', '3', 'fd00:66::9'])).toContain('1 packets received');
    expect(await refused(first, ['network', 'create', '--ipv6', '--subnet', 'fd00:66::/48', 'bad'])).toContain(
      'overlaps',
    );
    await first.ok(['rm', '-f', 'one', 'two']);
    await first.ok(['network', 'rm', 'six']);
  });

  it.each([
    [['--subnet', '10.99.0.0/16'], /overlaps the host's route/],
    [['--subnet', '10.77.0.1/24'], /invalid subnet.*10\.77\.0\.0\/24/],
    [['--subnet', 'fd00::/64'], /has no IPv6.*--ipv6/],
    [['--ipv6', '--gateway', 'fd00::1'], /no subnet for it.*--subnet/],
    [['-d', 'macvlan', '--ipv6'], /macvlan networks have no IPv6.*without --ipv6/s],
    [['-d', 'macvlan', '-o', 'parent=nope'], /no link nope.*'ip link'/s],
    [['-d', 'macvlan', '-o', 'macvlan_mode=hub'], /no macvlan_mode.*passthru/s],
    [['-d', 'ipvlan'], /"ipvlan" is not supported.*use macvlan/s],
    [['--config-only'], /no subnet.*--subnet/],
    [['--config-only', '--subnet', '10.77.0.0/24'], /no parent.*-o parent=/],
    [['--config-only', '-d', 'macvlan'], /has a driver.*--config-from/],
    [['--config-only', '-d', 'macvlan', '--scope', 'swarm'], /of one host each.*leave driver and scope out/s],
    [['-d', 'macvlan', '--config-from', 'nope'], /no config-only network nope.*--config-only/s],
    [['--scope', 'swarm'], /--scope swarm is not supported for bridge.*-d overlay/s],
    [['-d', 'weave'], /"weave" is not supported.*use bridge/],
    [['-o', 'mtu=1400'], /option "mtu" is not supported.*com\.docker\.network\.driver\.mtu/],
    [['-o', 'com.docker.network.driver.mtu=99999'], /no MTU.*65535/],
    [['-d', 'overlay'], /cluster/],
  ])('refuses `network create %s`, says what to do, and makes nothing', async (flags, message) => {
    expect(await refused(first, ['network', 'create', ...flags, 'bad'])).toMatch(message);
    expect(await first.ok(['network', 'ls', '-q', '--filter', 'type=custom'])).toBe('');
  });
});

describe('in a cluster', () => {
  beforeAll(async () => {
    await first.ok(['cluster', 'init', '--advertise-addr', first.address]);
    // The other node finds it when it joins.
    await first.ok(['network', 'create', '-d', 'overlay', '--attachable', '--label', 'a=1', 'wide']);
    const token = await first.ok(['cluster', 'join-token', '-q', 'worker']);
    await second.ok(['cluster', 'join', '--token', token, `${first.address}:2377`]);
  });

  it('makes networks that containers of all nodes can be on', async () => {
    expect(
      await first.ok(['network', 'ls', '--filter', 'scope=swarm', '--format', '{{.Name}} {{.Driver}} {{.Labels}}']),
    ).toBe('wide overlay a=1');
    expect(await inspect(first, 'wide', '{{.Attachable}} {{.Scope}}')).toBe('true swarm');
    await until('the worker has the network', async () => (await second.look(['network', 'ls'])).includes('wide'));
    await idle(first, 'one', '--network', 'wide');
    await idle(second, 'two');
    await second.ok(['network', 'connect', '--alias', 'beta', 'wide', 'two']);
    const address = await second.ok(['inspect', '-f', '{{.NetworkSettings.Networks.wide.IPAddress}}', 'two']);
    await until('b is reached', () => ping(first, 'one', address));
    expect(await refused(first, ['network', 'rm', 'wide'])).toMatch(/active endpoints: one on \S+, two on/);
    await second.ok(['rm', '-f', 'two']);
    await first.ok(['rm', '-f', 'one']);
    await first.ok(['network', 'rm', 'wide']);
    await until('it is gone', async () => !(await second.look(['network', 'ls'])).includes('wide'));
  });

  it('lets services and stacks use them, and nobody else those that are not attachable', async () => {
    await first.ok(['network', 'create', '-d', 'overlay', '--subnet', '10.66.0.0/16', 'plain']);
    const fixed = ['service', 'create', '-q', '--replicas', '2', '--network', 'name=plain,ip=10.66.0.9', 'busybox'];
    expect(await refused(first, fixed)).toContain('has address 10.66.0.9, which one task can have');
    expect(await first.ok(['inspect', '-f', '{{.Name}}', 'plain'])).toBe('plain');
    const stack = `
services: {web: {image: busybox, command: sleep 1000, init: true, networks: [plain], deploy: {mode: global}}}
networks: {plain: {external: true}}
`;
    await first.ok(['stack', 'deploy', '-c', '-', 'shop'], { stdin: stack });
    await first.ok([
      'service',
      'create',
      '-q',
      '--name',
      'other',
      '--init',
      '--network',
      'plain',
      'busybox',
      'sleep',
      '1000',
    ]);
    const web = await first.ok(['ps', '-q', '--filter', 'name=shop_web']);
    expect(await ping(first, web, 'other')).toBe(true);
    expect(await refused(first, ['run', '--rm', '--network', 'plain', 'busybox', 'true'])).toContain('not attachable');
    expect(await refused(first, ['network', 'disconnect', 'plain', web])).toContain('service update');
    expect(await refused(first, ['network', 'rm', 'plain'])).toMatch(/used by (shop_web, other|other, shop_web)/);
    await first.ok(['stack', 'rm', 'shop']);
    await first.ok(['service', 'rm', 'other']);
    await first.ok(['network', 'rm', 'plain']);
  });

  it.each([
    [['--subnet', '10.99.0.0/16'], /contains the address .* of a node/],
    [['--subnet', '10.55.0.0/16'], /node \S+: subnet 10\.55\.0\.0\/16 of network bad overlaps the host's route/],
    [['-o', 'com.docker.network.driver.mtu=9000'], /node \S+: network bad: MTU 9000.*at most 1450/],
    [['-o', 'encrypted=no'], /"no" is no value of option encrypted.*leave the option out/s],
    [['--subnet', '10.56.0.0/16', '--ip-range', '10.1.0.0/16'], /is no part of 10\.56\.0\.0\/16/],
  ])('refuses `network create -d overlay %s`, says what to do, and makes nothing', async (flags, message) => {
    await output(second.inside(['ip', 'route', 'replace', '10.55.1.0/24', 'dev', 'lo']));
    expect(await refused(first, ['network', 'create', '-d', 'overlay', ...flags, 'bad'])).toMatch(message);
    expect(await first.ok(['network', 'ls', '-q', '--filter', 'type=custom'])).toBe('');
  });

  it('leaves nothing behind', async () => {
    await output(second.inside(['ip', 'route', 'del', '10.55.1.0/24']));
    for (const host of lan.hosts) await host.ok(['system', 'stop', '-f']);
    const kernel = (all: readonly Census[]) => all.map(({ cgroups: _, ...left }) => left);
    await until('all of it to be gone', async () => {
      expect(kernel(await Promise.all(lan.hosts.map(takeCensus)))).toEqual(kernel(empty));
      return true;
    });
  });
});
