/** Networks with IPv6 across hosts, as containers see them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Census, takeCensus } from '../lab/census.ts';
import { output } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';
import { fetchMany } from '../lab/requests.ts';
import { connection, serveEcho, serveUdp, type Talker, udpClient } from '../lab/talk.ts';
import { until } from '../lab/until.ts';

/** Each task of web says its own name, and the address of whoever asks. */
const STACK = `
services:
  web:
    image: busybox
    hostname: web-{{.Task.Slot}}
    command:
      - sh
      - -c
      - >-
        mkdir -p /www/cgi-bin && printf '#!/bin/sh\\necho; echo "$$(hostname) $$REMOTE_ADDR"\\n' >/www/cgi-bin/who &&
        chmod +x /www/cgi-bin/who && exec httpd -f -p '[::]:80' -h /www
    init: true
    networks: [front]
    ports: ["8080:80", "5353:53/udp", "8082:82"]
    deploy: {replicas: 2, placement: {max_replicas_per_node: 1}}
  client:
    image: busybox
    command: sleep infinity
    init: true
    networks: [front]
    deploy: {mode: global}
  stranger:
    image: busybox
    command: sleep infinity
    init: true
    networks: [back]
    deploy: {mode: global}
networks:
  front:
    enable_ipv6: true
    ipam: {config: [{subnet: 10.40.0.0/20}, {subnet: "fd00:40::/64"}]}
  back: {enable_ipv6: true, internal: true}
`;
/** More than one packet, of any MTU here. */
const LARGE = 4000;

let lan: Lan;
let nodes: [Host, Host];
let first: Host;
let second: Host;
let outside: Host;
let empty: readonly Census[];
const talkers: Talker[] = [];

beforeAll(async () => {
  lan = await Lan.create('dual', 3);
  [first, second, outside] = lan.hosts as [Host, Host, Host];
  nodes = [first, second];
  for (const [index, host] of lan.hosts.entries()) {
    await output(host.inside(['ip', 'addr', 'add', `${onLan(index + 1)}/64`, 'dev', 'uplink', 'nodad']));
  }
  empty = await Promise.all(nodes.map(takeCensus));
  await Promise.all(nodes.map((host) => host.start()));
  await Promise.all(nodes.map((host) => importBusybox(host)));
  await first.ok(['cluster', 'init', '--advertise-addr', first.address]);
  const token = await first.look(['cluster', 'join-token', '-q', 'worker']);
  await second.ok(['cluster', 'join', '--token', token, `${first.address}:2377`]);
  await first.ok(['stack', 'deploy', '-c', '-', 'shop'], { stdin: STACK });
  await until('all names', async () => (await resolve(first, 'tasks.web')).length === 4);
});

afterAll(async () => {
  await Promise.all(talkers.splice(0).map((talker) => talker.close()));
  await lan.destroy();
});

/** The IPv6 address of a host on the wire. */
function onLan(number: number): string {
  return `fd99::${number}`;
}

/** Who answered at a published port, and whom it saw, in as many requests. */
async function ask(prefix: readonly string[], address: string, count: number): Promise<string[]> {
  const answers = await fetchMany(prefix, `http://${address}:8080/cgi-bin/who`, count);
  return [...new Set(answers.map((answer) => answer.trim().replaceAll(/::ffff:|[[\]]/g, '')))].sort();
}

const containerOf = (host: Host, service: string) => host.look(['ps', '-q', '--filter', `name=shop_${service}`]);

async function inContainer(host: Host, service: string, script: string): Promise<string> {
  return (await host.ok(['exec', await containerOf(host, service), 'sh', '-c', script])).trim();
}

async function namespaceOf(host: Host, service: string): Promise<string[]> {
  const pid = await host.look(['inspect', '--format', '{{.State.Pid}}', await containerOf(host, service)]);
  return ['nsenter', '-t', pid, '--net'];
}

async function keep(talker: Promise<Talker>): Promise<Talker> {
  const started = await talker;
  talkers.push(started);
  return started;
}

/** Addresses of both kinds, as a client on the host finds them. */
async function resolve(host: Host, name: string): Promise<string[]> {
  const answer = await inContainer(host, 'client', `nslookup ${name}; nslookup -type=aaaa ${name}; true`);
  return [...new Set([...answer.matchAll(/Address: (10\.40\S+|fd\S+)$/gm)].map(([, address]) => address ?? ''))].sort();
}

/** The service's container's own, of IPv4 and of IPv6. */
async function addressesOf(host: Host, service: string): Promise<[string, string]> {
  const form = '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}}{{end}}';
  const [ipv4 = '', ipv6 = ''] = (
    await host.look(['inspect', '--format', form, await containerOf(host, service)])
  ).split(' ');
  return [ipv4, ipv6];
}

/** Who answers a request over HTTP, and whom it sees. */
const who = (address: string) =>
  `printf 'GET /cgi-bin/who HTTP/1.0\r\n\r\n' | nc -w 3 ${address} 80 | tail -1 | sed 's/::ffff://; s/[][]//g'`;

describe('a network with IPv6 on several hosts', () => {
  it('gives addresses of both kinds, and is shown with its subnets', async () => {
    const [ipv4, ipv6] = await addressesOf(second, 'client');
    const [, , c, d] = ipv4.split('.').map(Number);
    expect(ipv6).toBe(`fd00:40::${((c ?? 0) * 256 + (d ?? 0)).toString(16)}`);
    const shown = await first.look([
      'network',
      'inspect',
      '--format',
      '{{.EnableIPv6}} {{json .IPAM.Config}}',
      'shop_front',
    ]);
    expect(shown).toContain('true');
    expect(shown).toContain('{"Subnet":"fd00:40::/64","Gateway":"fd00:40::1"}');
    const back = await first.look(['network', 'inspect', '--format', '{{json .IPAM.Config}}', 'shop_back']);
    expect(back).toMatch(/"Subnet":"fd[0-9a-f:]+::\/64"/);
  });

  it('reaches each task from each host over both, with packets of any size', async () => {
    for (const from of nodes) {
      const own = await addressesOf(from, 'client');
      for (const to of nodes) {
        const addresses = await addressesOf(to, 'web');
        for (const [kind, address] of addresses.entries()) {
          const script = `ping -c 1 -W 3 -s ${LARGE} ${address} >/dev/null && ${who(address)}`;
          expect(await inContainer(from, 'client', script)).toMatch(new RegExp(`^web-[12] ${own[kind]}$`));
        }
      }
    }
  });

  it('carries datagrams over both', async () => {
    for (const at of ['0.0.0.0', '::'])
      await keep(serveUdp(await namespaceOf(second, 'web'), at === '::' ? 56 : 54, 'here', at));
    const [own4, own6] = await addressesOf(first, 'client');
    const [ipv4, ipv6] = await addressesOf(second, 'web');
    const inside = await namespaceOf(first, 'client');
    expect(await (await keep(udpClient(inside, ipv4, 54))).ask()).toBe(`here ${own4}`);
    expect(await (await keep(udpClient(inside, ipv6, 56))).ask()).toBe(`here ${own6}`);
  });

  it('has names for tasks and services, and for addresses', async () => {
    const all = [...(await addressesOf(first, 'web')), ...(await addressesOf(second, 'web'))];
    for (const host of nodes) {
      expect(await resolve(host, 'tasks.web')).toEqual(all.toSorted());
      const slots = [await resolve(host, 'web.1'), await resolve(host, 'web.2')].flat();
      expect(slots.toSorted()).toEqual(all.toSorted());
    }
    const [, ipv6] = await addressesOf(second, 'web');
    expect(await inContainer(first, 'client', `nslookup ${ipv6}`)).toMatch(/name = shop_web\.\d\.\w+\.shop_front/);
  });

  it('has an address of each kind for the service, by which it is reached from everywhere, also from itself', async () => {
    const [vip4 = '', vip6 = ''] = await resolve(first, 'web');
    expect([vip4, vip6]).toEqual([expect.stringMatching(/^10\.40\./), expect.stringMatching(/^fd00:40::/)]);
    const form = '{{range .Endpoint.VirtualIPs}}{{.Addr}} {{end}}';
    expect(await first.look(['service', 'inspect', '--format', form, 'shop_web'])).toBe(`${vip4}/20 ${vip6}/64`);
    for (const host of nodes) {
      const [, own] = await addressesOf(host, 'client');
      const four = Array(4).fill(who(vip6)).join(';');
      const answers = new Set((await inContainer(host, 'client', four)).split('\n'));
      expect([...answers].sort()).toEqual([`web-1 ${own}`, `web-2 ${own}`]);
      const names = (await inContainer(host, 'web', four)).split('\n').map((answer) => answer.split(' ')[0]);
      expect(new Set(names)).toEqual(new Set(['web-1', 'web-2']));
      await inContainer(host, 'client', `ping -c 1 -W 3 ${vip6}`);
    }
    for (const host of nodes) expect(await inContainer(host, 'stranger', `${who(vip6)}; true`)).toBe('');
  });

  it('cannot be reached from another network, nor be found there', async () => {
    const addresses = await addressesOf(second, 'web');
    const others = await addressesOf(second, 'stranger');
    const ping = (address: string) => `ping -c 1 -W 1 ${address} >/dev/null 2>&1; echo $?`;
    for (const host of nodes) {
      for (const address of addresses) expect(await inContainer(host, 'stranger', ping(address))).toBe('1');
      for (const address of others) expect(await inContainer(host, 'client', ping(address))).toBe('1');
      for (const address of others) expect(await inContainer(host, 'stranger', ping(address))).toBe('0');
      expect(await inContainer(host, 'stranger', 'nslookup -type=aaaa web >/dev/null; echo $?')).toBe('1');
    }
  });

  it('loses no connection when gantryd and its manager are killed', async () => {
    const [, ipv6] = await addressesOf(second, 'web');
    await keep(serveEcho(await namespaceOf(second, 'web'), 81, '::'));
    const talk = await keep(connection(await namespaceOf(first, 'client'), ipv6, 81));
    const [, vip = ''] = await resolve(first, 'web');
    await first.kill();
    await second.stop('SIGKILL');
    expect(await talk.ask('while they are down')).toBe('while they are down');
    for (const host of nodes) await host.start();
    expect(await talk.ask('and after')).toBe('and after');
    await until('an answer', async () => (await inContainer(first, 'client', who(vip))).startsWith('web-'));
  });

  it('is put back when somebody deletes addresses and routes', async () => {
    const [, ipv6] = await addressesOf(second, 'web');
    const ip = (...words: string[]) => output(first.inside(['ip', '-6', ...words]));
    const [, block = ''] = /^(fd00:40::\S*\/122) via/m.exec(await ip('route')) ?? [];
    const [, bridge = ''] = /^fd00:40::\/64 dev (\S+)/m.exec(await ip('route')) ?? [];
    await ip('route', 'delete', block);
    await ip('address', 'delete', 'fd00:40::1/64', 'dev', bridge);
    await until('an answer', async () => (await inContainer(first, 'client', `${who(ipv6)}; true`)).startsWith('web-'));
    expect(await ip('route')).toContain(`${block} via`);
    await output(first.inside(['nft', 'flush', 'ruleset']));
    const [, vip = ''] = await resolve(first, 'web');
    await until('an answer', async () => (await inContainer(first, 'client', `${who(vip)}; true`)).startsWith('web-'));
  });
});

describe('a published port', () => {
  it('leads from every node to every task, which sees the address of its client, on both', async () => {
    for (const address of nodes.map((host) => host.address)) {
      expect(await ask(outside.inside([]), address, 4)).toEqual([1, 2].map((slot) => `web-${slot} ${outside.address}`));
    }
    for (const number of [1, 2]) {
      const answers = await ask(outside.inside([]), `[${onLan(number)}]`, 4);
      expect(answers).toEqual([1, 2].map((slot) => `web-${slot} ${onLan(3)}`));
    }
  });

  it('is reached by nodes and containers themselves, on any address', async () => {
    for (const host of nodes) {
      for (const number of [1, 2]) {
        const names = (await ask(host.inside([]), `[${onLan(number)}]`, 4)).map((answer) => answer.split(' ')[0]);
        expect(new Set(names)).toEqual(new Set(['web-1', 'web-2']));
        const inside = await namespaceOf(host, 'client');
        const seen = (await ask(inside, `[${onLan(number)}]`, 4)).map((answer) => answer.split(' ')[0]);
        expect(new Set(seen)).toEqual(new Set(['web-1', 'web-2']));
      }
      expect((await ask(host.inside([]), '[::1]', 2))[0]).toMatch(/^web-/);
    }
  });

  it('is reached by a node also from an address that it has got since its start', async () => {
    for (const [index, host] of nodes.entries()) {
      await output(host.inside(['ip', 'addr', 'add', `fd98::${index + 1}/64`, 'dev', 'uplink', 'nodad']));
    }
    const rules = (host: Host) => output(host.inside(['nft', 'list', 'ruleset']));
    await until('the others to know it', async () => (await rules(first)).includes('fd98::2 .'));
    const names = (await ask(second.inside([]), '[fd98::1]', 4)).map((answer) => answer.split(' ')[0]);
    expect(new Set(names)).toEqual(new Set(['web-1', 'web-2']));
    for (const [index, host] of nodes.entries()) {
      await output(host.inside(['ip', 'addr', 'del', `fd98::${index + 1}/64`, 'dev', 'uplink']));
    }
    await until('the others to forget it', async () => !(await rules(first)).includes('fd98::2 .'));
  });

  it('carries datagrams, and connections while gantryd and its manager are killed', async () => {
    for (const host of nodes) {
      await keep(serveUdp(await namespaceOf(host, 'web'), 53, host.name, '::'));
      await keep(serveEcho(await namespaceOf(host, 'web'), 82, '::'));
    }
    const client = await keep(udpClient(outside.inside([]), onLan(1), 5353));
    const answers = new Set<string>();
    for (let count = 0; count < 6; count += 1) answers.add(await client.ask());
    expect([...answers].sort()).toEqual(nodes.map((host) => `${host.name} ${onLan(3)}`).sort());
    const talks = await Promise.all([0, 1].map(() => keep(connection(outside.inside([]), onLan(1), 8082))));
    await first.kill();
    await second.stop('SIGKILL');
    for (const talk of talks) expect(await talk.ask('while they are down')).toBe('while they are down');
    expect(await ask(outside.inside([]), `[${onLan(2)}]`, 4)).toHaveLength(2);
    for (const host of nodes) await host.start();
    for (const talk of talks) expect(await talk.ask('and after')).toBe('and after');
    await until('the nodes to be back', async () => !(await first.look(['node', 'ls'])).includes('Down'));
    await output(first.inside(['ip', '-6', 'rule', 'flush', 'pref', '18176']));
    await output(first.inside(['ip', '-6', 'addr', 'flush', 'scope', 'global', 'to', 'fd47::/16']));
    await until('both tasks', async () => (await ask(outside.inside([]), `[${onLan(2)}]`, 4)).length === 2);
  });
});

describe('a port that somebody has', () => {
  it('is refused when it is taken on IPv6 alone, by the name of the node', async () => {
    await keep(serveEcho(second.inside([]), 8099, onLan(2)));
    const create = ['service', 'create', '-d', '-p', '8099:80', '--network', 'shop_front', 'busybox', 'true'];
    const { code, stderr } = await first.gantry(create);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/port \[::\]:8099\/tcp is already in use on node \S+ by process/),
    ]);
  });
});

describe('a network of no stack', () => {
  const create = (...words: string[]) => first.gantry(['network', 'create', '-d', 'overlay', '--attachable', ...words]);

  it('has IPv6 for containers of no task on any host', async () => {
    expect((await create('--ipv6', '--subnet', 'fd00:41::/64', '--subnet', '10.41.0.0/20', 'both')).code).toBe(0);
    await until('the network', async () => (await second.gantry(['network', 'inspect', 'both'])).code === 0);
    await second.ok(['run', '-d', '--init', '--name', 'there', '--network', 'both', 'busybox', 'sleep', 'infinity']);
    const form = '{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}';
    const address = await second.look(['inspect', '--format', form, 'there']);
    expect(address).toMatch(/^fd00:41::/);
    const ping = ['ping', '-c', '1', '-W', '2', '-s', String(LARGE), address];
    await until(
      'a way there',
      async () => (await first.gantry(['run', '--rm', '--network', 'both', 'busybox', ...ping])).code === 0,
    );
    const both = `{{with index .NetworkSettings.Networks "both"}}{{.IPAddress}} {{.GlobalIPv6Address}}{{end}}`;
    const addresses = await second.look(['inspect', '--format', both, 'there']);
    await second.ok(['rm', '-f', 'there']);
    await second.ok(['run', '-d', '--init', '--name', 'there', 'busybox', 'sleep', 'infinity']);
    await second.ok(['network', 'connect', '--ip6', address, 'both', 'there']);
    expect(await second.look(['inspect', '--format', both, 'there'])).toBe(addresses);
    const odd = ['run', '--rm', '--network', 'both', '--ip', '10.41.0.9', '--ip6', 'fd00:41::99', 'busybox', 'true'];
    const refused = expect.stringContaining('write --ip 10.41.0.153 or --ip6 fd00:41::9');
    expect(await first.gantry(odd)).toMatchObject({ code: 125, stderr: refused });
    await second.ok(['rm', '-f', 'there']);
    await first.ok(['network', 'rm', 'both']);
  });

  it.each([
    [['--ipv6', '--subnet', 'fd00:40::/48'], /overlaps fd00:40::\/64 of network "shop_front"/],
    [['--ipv6', '--subnet', 'fd00:42::/120'], /fewer addresses than/],
    [['--subnet', 'fd00:42::/64'], /give --ipv6 too/],
    [['--ipv6', '--opt', 'com.docker.network.driver.mtu=1200'], /too small for IPv6/],
    [['--ipv6', '--ip-range', 'fd00:42::/80', '--subnet', 'fd00:42::/64'], /IPv6 addresses go with those of IPv4/],
  ])('is refused with %s', async (words, message) => {
    const { code, stderr } = await create(...words, 'odd');
    expect(code).not.toBe(0);
    expect(stderr).toMatch(message);
    expect(await first.look(['network', 'ls', '-q', '--filter', 'name=odd'])).toBe('');
  });
});

describe('everything', () => {
  it('is gone when it is removed', async () => {
    await first.ok(['stack', 'rm', 'shop']);
    for (const host of nodes) await host.ok(['system', 'stop', '--force']);
    // Cgroups are those of all hosts of the machine.
    const apart = ({ cgroups: _, ...census }: Census) => census;
    await until('all of it to be gone', async () => {
      expect((await Promise.all(nodes.map(takeCensus))).map(apart)).toEqual(empty.map(apart));
      return true;
    });
  });
});
