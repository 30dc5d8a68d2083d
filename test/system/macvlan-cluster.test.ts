/** Networks of a cluster whose containers are on the LAN of the hosts, as containers and the LAN's other hosts see them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Census, takeCensus } from '../lab/census.ts';
import { output, runCommand } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';
import { fetchOne } from '../lab/requests.ts';
import { connection, serveEcho, type Talker } from '../lab/talk.ts';
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
        chmod +x /www/cgi-bin/who && exec httpd -f -p 80 -h /www
    init: true
    networks: [lan]
    deploy: {replicas: 2, placement: {max_replicas_per_node: 1}}
  both:
    image: busybox
    command: sh -c 'mkdir /www && echo both >/www/name && exec httpd -f -p 80 -h /www'
    init: true
    networks: [back, lan]
    ports: ["8080:80"]
  client:
    image: busybox
    command: sleep infinity
    init: true
    networks: [lan]
    deploy: {mode: global}
networks:
  lan:
    driver: macvlan
    driver_opts: {parent: uplink}
    ipam: {config: [{subnet: 10.99.0.0/24, gateway: 10.99.0.3, ip_range: 10.99.0.64/27}]}
  back: {}
`;
const GATEWAY = '10.99.0.3';

let lan: Lan;
let nodes: [Host, Host];
let first: Host;
let second: Host;
/** Of the LAN, and of no cluster. */
let outside: Host;
let empty: readonly Census[];
const talkers: Talker[] = [];

beforeAll(async () => {
  lan = await Lan.create('onlan', 3);
  [first, second, outside] = lan.hosts as [Host, Host, Host];
  nodes = [first, second];
  empty = await Promise.all(nodes.map(takeCensus));
  await Promise.all(nodes.map((host) => host.start()));
  await Promise.all(nodes.map((host) => importBusybox(host)));
  await first.ok(['cluster', 'init', '--advertise-addr', first.address]);
  const token = await first.look(['cluster', 'join-token', '-q', 'worker']);
  await second.ok(['cluster', 'join', '--token', token, `${first.address}:2377`]);
});

afterAll(async () => {
  await Promise.all(talkers.splice(0).map((talker) => talker.close()));
  await lan.destroy();
});

async function containersOf(host: Host, service: string): Promise<string[]> {
  const ids = await host.look(['ps', '-q', '--filter', `name=shop_${service}`]);
  return ids.split('\n').filter((id) => id !== '');
}

async function inContainer(host: Host, service: string, script: string): Promise<string> {
  const [container = ''] = await containersOf(host, service);
  return (await host.ok(['exec', container, 'sh', '-c', script])).trim();
}

/** On the network, of the containers that are meant. */
async function addressesOf(host: Host, containers: readonly string[], network = 'shop_lan'): Promise<string[]> {
  const form = `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`;
  return Promise.all(containers.map((id) => host.look(['inspect', '--format', form, id])));
}

async function addressOf(host: Host, service: string): Promise<string> {
  const [address = ''] = await addressesOf(host, await containersOf(host, service));
  return address;
}

async function namespaceOf(host: Host, service: string): Promise<string[]> {
  const [container = ''] = await containersOf(host, service);
  return ['nsenter', '-t', await host.look(['inspect', '--format', '{{.State.Pid}}', container]), '--net'];
}

async function resolve(host: Host, name: string): Promise<string[]> {
  const answer = await inContainer(host, 'client', `nslookup ${name}; true`);
  return [...answer.matchAll(/Address: (10\.99\S+)$/gm)].map(([, address = '']) => address).toSorted(byText);
}

function byText(a: string, b: string): number {
  return a.localeCompare(b, 'en');
}

/** Who answers a request over HTTP, and whom it sees. */
const who = (address: string) =>
  `printf 'GET /cgi-bin/who HTTP/1.0\r\n\r\n' | nc -w 3 ${address} 80 | tail -1 | sed 's/::ffff://; s/[][]//g'`;

describe('a stack on the LAN', () => {
  beforeAll(async () => {
    await first.ok(['stack', 'deploy', '-c', '-', 'shop'], { stdin: STACK });
    await until('all names', async () => (await resolve(first, 'tasks.web')).length === 2);
    await until('all names', async () => (await resolve(second, 'tasks.web')).length === 2);
  });

  it('has an address of the range for each task, whichever its node, and none twice', async () => {
    const all = (
      await Promise.all(
        nodes.map(async (host) => {
          const ids = (await Promise.all(['web', 'both', 'client'].map((name) => containersOf(host, name)))).flat();
          return addressesOf(host, ids);
        }),
      )
    ).flat();
    expect(all).toHaveLength(5);
    expect(new Set(all).size).toBe(5);
    for (const address of all) expect(address).toMatch(/^10\.99\.0\.(6[4-9]|[78]\d|9[0-5])$/);
    expect(await inContainer(second, 'client', 'ip route')).toContain(`default via ${GATEWAY} dev eth0`);
    const shown = await first.look([
      'network',
      'inspect',
      '--format',
      '{{.Driver}} {{.Scope}} {{json .Options}}',
      'shop_lan',
    ]);
    expect(shown).toBe('macvlan swarm {"parent":"uplink"}');
  });

  it('finds tasks by name on every host: a service there is its tasks', async () => {
    const web = [await addressOf(first, 'web'), await addressOf(second, 'web')].toSorted(byText);
    for (const host of nodes) {
      for (const name of ['web', 'tasks.web', 'shop_web']) expect(await resolve(host, name)).toEqual(web);
      expect((await Promise.all([1, 2].map((slot) => resolve(host, `web.${slot}`)))).flat().toSorted(byText)).toEqual(
        web,
      );
      expect(await resolve(host, 'both')).toHaveLength(1);
    }
    const [address = ''] = web;
    expect(await inContainer(second, 'client', `nslookup ${address}`)).toMatch(/name = shop_web\.\d\.\w+\.shop_lan/);
  });

  it('is reached from each host’s containers and from the LAN, and sees who asks', async () => {
    for (const from of nodes) {
      const own = await addressOf(from, 'client');
      for (const to of nodes) {
        const answer = await inContainer(from, 'client', who(await addressOf(to, 'web')));
        expect(answer).toMatch(new RegExp(`^web-[12] ${own}$`));
        expect(await inContainer(from, 'client', who('web'))).toMatch(new RegExp(`^web-[12] ${own}$`));
        const seen = await output(outside.inside(['busybox', 'sh', '-c', who(await addressOf(to, 'web'))]));
        expect(seen.trim()).toMatch(new RegExp(`^web-[12] ${outside.address}$`));
      }
      await inContainer(from, 'client', `ping -c 1 -W 3 ${outside.address}`);
    }
  });

  it('publishes ports of what is on an overlay network, too, also to its neighbours', async () => {
    for (const { address } of nodes) {
      expect(await fetchOne(outside.inside([]), `http://${address}:8080/name`)).toContain('both');
    }
  });

  it('loses no connection when gantryd and its manager are killed, and is known again after', async () => {
    const web = await addressOf(second, 'web');
    talkers.push(await serveEcho(await namespaceOf(second, 'web'), 81, '0.0.0.0'));
    const talks = [
      await connection(await namespaceOf(first, 'client'), web, 81),
      await connection(outside.inside([]), web, 81),
    ];
    talkers.push(...talks);
    const before = (await Promise.all(nodes.map((host) => addressOf(host, 'web')))).toSorted(byText);
    await first.kill();
    await second.stop('SIGKILL');
    for (const talk of talks) expect(await talk.ask('while they are down')).toBe('while they are down');
    for (const host of nodes) await host.start();
    for (const talk of talks) expect(await talk.ask('and after')).toBe('and after');
    await until('the nodes to be back', async () => !(await first.look(['node', 'ls'])).includes('Down'));
    expect((await Promise.all(nodes.map((host) => addressOf(host, 'web')))).toSorted(byText)).toEqual(before);
    for (const host of nodes) {
      await until('the names', async () => (await resolve(host, 'web')).join() === before.join());
      expect(await inContainer(host, 'client', who('web'))).toMatch(/^web-/);
    }
  });

  it('is plugged in again when its link has been away', async () => {
    const address = await addressOf(second, 'client');
    const [container = ''] = await containersOf(second, 'client');
    const pid = await second.look(['inspect', '--format', '{{.State.Pid}}', container]);
    await output(['nsenter', '-t', pid, '--net', 'ip', 'link', 'delete', 'eth0']);
    await second.stop('SIGKILL');
    await second.start();
    await until('a way there', async () => {
      return (await runCommand(outside.inside(['busybox', 'ping', '-c', '1', '-W', '1', address]))).code === 0;
    });
  });

  it('gives new tasks other addresses than those that there are', async () => {
    await first.ok(['service', 'update', '--replicas', '6', '--replicas-max-per-node', '3', 'shop_web']);
    const all = async () => {
      const lists = await Promise.all(nodes.map(async (host) => addressesOf(host, await containersOf(host, 'web'))));
      return lists.flat();
    };
    await until('six tasks', async () => (await all()).filter((address) => address !== '').length === 6);
    const taken = [...(await all()), ...(await Promise.all(nodes.map((host) => addressOf(host, 'client'))))];
    expect(new Set(taken).size).toBe(8);
    expect(await first.look(['service', 'ps', '--format', '{{.CurrentState}} {{.Error}}', 'shop_web'])).not.toMatch(
      /Failed|Rejected/,
    );
    const { code, stderr } = await first.gantry(['service', 'scale', 'shop_web=40']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/network shop_lan: IP range 10\.99\.0\.64\/27 has 32/)]);
  });

  it('leaves no link when it is removed', async () => {
    await first.ok(['stack', 'rm', 'shop']);
    await until('no network', async () => {
      const left = await Promise.all(nodes.map((host) => host.look(['network', 'ls', '-q', '--filter', 'name=shop'])));
      return left.join('') === '';
    });
    for (const host of nodes) expect(await output(host.inside(['ip', '-d', 'link']))).not.toContain('macvlan');
  });
});

describe('a macvlan network of the cluster', () => {
  const LAN = ['--subnet', '10.99.0.0/24', '--gateway', GATEWAY, '--ip-range', '10.99.0.128/26'];
  const create = (...words: string[]) =>
    first.gantry(['network', 'create', '-d', 'macvlan', '--scope', 'swarm', ...words]);

  it.each([
    [['-o', 'parent=uplink'], /needs the subnet of its LAN/],
    [LAN, /needs a parent/],
    [[...LAN, '-o', 'parent=eth7'], /can be on no node of the cluster \(\S+: no link eth7 for .*, but uplink; /],
    [[...LAN, '-o', 'parent=uplink', '-o', 'encrypted'], /option "encrypted" is not supported for macvlan/],
    [[...LAN, '-o', 'parent=uplink', '-o', 'macvlan_mode=passthru'], /one container would have a node's link/],
    [[...LAN, '-o', 'parent=uplink', '--ipv6'], /macvlan networks have no IPv6 yet/],
    [[...LAN, '-o', 'parent=uplink', '--aux-address', 'nas=10.98.0.130'], /is none of 10\.99\.0\./],
    [['--config-from', 'office'], /no node has a config-only network office/],
    [[...LAN, '--config-from', 'office'], /10\.99\.0\.0\/24 doesn't go with config office/],
  ])('is refused with %s', async (words, message) => {
    const { code, stderr } = await create(...words, 'odd');
    expect(code).not.toBe(0);
    expect(stderr).toMatch(message);
    expect(await first.look(['network', 'ls', '-q', '--filter', 'name=odd'])).toBe('');
  });

  it('takes no ports', async () => {
    const stack = STACK.replace('networks: [back, lan]', 'networks: [lan]');
    const { code, stderr } = await first.gantry(['stack', 'deploy', '-c', '-', 'shop'], { stdin: stack });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/shop_both publishes ports, but goes out by macvlan/)]);
  });

  it('has its tasks where its link is, as soon as it is there', async () => {
    await output(second.inside(['ip', 'link', 'add', 'dmz', 'type', 'bridge']));
    const words = ['--subnet', '10.77.0.0/24', '-o', 'parent=dmz', 'dmz'];
    await until('the link to be known', async () => (await create(...words)).code === 0);
    await first.ok([
      'service',
      'create',
      '--name',
      'there',
      '--init',
      '--replicas',
      '3',
      '--network',
      'dmz',
      'busybox',
      'sleep',
      '1000',
    ]);
    const on = await first.look(['service', 'ps', '--format', '{{.Node}}', 'there']);
    expect(new Set(on.split('\n'))).toEqual(new Set([second.name]));
    await output(second.inside(['ip', 'link', 'delete', 'dmz']));
    await until('the link to be missed', async () => {
      await first.ok(['service', 'update', '-d', '--force', 'there']);
      return /no link dmz for macvlan network dmz/.test(await first.look(['service', 'ps', '--no-trunc', 'there']));
    });
    await first.ok(['service', 'rm', 'there']);
    await until('its end', async () => (await first.gantry(['network', 'rm', 'dmz'])).code === 0);
  });

  it('is made of each node’s own link and range where they differ', async () => {
    // As where hosts are not made alike.
    for (const words of ['down', 'name lan7', 'up'].entries()) {
      const [step, change] = words;
      await output(second.inside(['ip', 'link', 'set', step < 2 ? 'uplink' : 'lan7', ...change.split(' ')]));
    }
    const config = (host: Host, parent: string, ...words: string[]) =>
      host.gantry(['network', 'create', '--config-only', ...words, '-o', `parent=${parent}`, 'office']);
    expect((await config(first, 'uplink', ...LAN)).code).toBe(0);
    expect((await config(second, 'uplink', ...LAN)).stderr).toMatch(/there is no link uplink on this host/);
    // Their ranges overlap: no address is given out twice all the same.
    expect((await config(second, 'lan7', ...LAN)).code).toBe(0);
    expect(await first.look(['network', 'ls', '--filter', 'name=office', '--format', '{{.Driver}} {{.Scope}}'])).toBe(
      'null local',
    );
    const odd = await first.gantry(['run', '--rm', '--network', 'office', 'busybox', 'true']);
    expect([odd.code, odd.stderr]).toEqual([125, expect.stringMatching(/office is config-only/)]);

    expect((await create('--attachable', '--config-from', 'office', 'wide')).code).toBe(0);
    for (const host of nodes)
      await until('the network', async () => (await host.gantry(['network', 'inspect', 'wide'])).code === 0);
    const run = (host: Host, name: string) =>
      host.ok(['run', '-d', '--init', '--name', name, '--network', 'wide', 'busybox', 'sleep', 'infinity']);
    for (const host of nodes) for (const name of ['a', 'b']) await run(host, `${name}-${host.name}`);
    const addresses = await Promise.all(
      nodes.flatMap((host) => ['a', 'b'].map((name) => addressesOf(host, [`${name}-${host.name}`], 'wide'))),
    );
    expect(new Set(addresses.flat()).size).toBe(4);
    const ping = ['ping', '-c', '1', '-W', '1'];
    await until('a way between nodes', async () => {
      return (await first.gantry(['exec', `a-${first.name}`, ...ping, `b-${second.name}`])).code === 0;
    });
    for (const address of addresses.flat()) await output(outside.inside(['busybox', ...ping, address]));
    expect((await second.gantry(['network', 'rm', 'office'])).stderr).toMatch(
      /config-only network office is used by wide/,
    );
    for (const host of nodes) for (const name of ['a', 'b']) await host.ok(['rm', '-f', `${name}-${host.name}`]);
    await first.ok(['network', 'rm', 'wide']);
    for (const host of nodes) {
      await until('its end', async () => (await host.gantry(['network', 'rm', 'office'])).code === 0);
    }
    await output(second.inside(['ip', 'link', 'set', 'lan7', 'down']));
    await output(second.inside(['ip', 'link', 'set', 'lan7', 'name', 'uplink']));
    await output(second.inside(['ip', 'link', 'set', 'uplink', 'up']));
  });
});

describe('everything', () => {
  it('is gone when it is removed', async () => {
    for (const host of nodes) await host.ok(['system', 'stop', '--force']);
    // Cgroups are those of all hosts of the machine.
    const apart = ({ cgroups: _, ...census }: Census) => census;
    await until('all of it to be gone', async () => {
      expect((await Promise.all(nodes.map(takeCensus))).map(apart)).toEqual(empty.map(apart));
      return true;
    });
  });
});
