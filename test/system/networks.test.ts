/** Networks across hosts, as containers and clients see them: four nodes, and a host beside them that is none. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Census, takeCensus } from '../lab/census.ts';
import { output } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';
import { fetchMany } from '../lab/requests.ts';
import { connection, serveEcho, serveUdp, type Talker, udpClient } from '../lab/talk.ts';
import { until } from '../lab/until.ts';

/** Each task of web says its own name and version, and the address of whoever asks. */
const stack = (version: string) => `
services:
  web:
    image: busybox
    hostname: web-{{.Task.Slot}}
    command:
      - sh
      - -c
      - >-
        mkdir -p /www/cgi-bin && printf '#!/bin/sh\\necho; echo "$$(hostname) ${version} $$REMOTE_ADDR"\\n' >/www/cgi-bin/who &&
        printf '#!/bin/sh\\nsleep 3; echo; echo "$$(hostname) ${version} slowly"\\n' >/www/cgi-bin/slow &&
        chmod +x /www/cgi-bin/* && exec httpd -f -p 0.0.0.0:80 -h /www
    init: true
    stop_grace_period: 8s
    healthcheck: {test: wget -q -O /dev/null http://127.0.0.1/cgi-bin/who, interval: 1s, start_interval: 100ms, start_period: 9s}
    ports: ["8080:80", "8081:81", "5353:53/udp"]
    networks: [front]
    deploy:
      replicas: 3
      placement: {max_replicas_per_node: 2, constraints: [node.labels.web == yes]}
      update_config: {order: start-first, monitor: 1ms}
      restart_policy: {delay: 0s}
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
networks: {front: {}, back: {}}
`;

let lan: Lan;
let nodes: [Host, Host, Host, Host];
let first: Host;
let outside: Host;
let empty: readonly Census[];
const talkers: Talker[] = [];

beforeAll(async () => {
  lan = await Lan.create('networks', 5);
  nodes = lan.hosts.slice(0, 4) as [Host, Host, Host, Host];
  [first] = nodes;
  outside = lan.hosts[4] as Host;
  empty = await Promise.all(nodes.map(takeCensus));
  await Promise.all(nodes.map((host) => host.start()));
  await Promise.all(nodes.map((host) => importBusybox(host)));
  await first.ok(['cluster', 'init', '--advertise-addr', first.address]);
  const token = await first.look(['cluster', 'join-token', '-q', 'worker']);
  for (const host of nodes.slice(1)) await host.ok(['cluster', 'join', '--token', token, `${first.address}:2377`]);
  for (const host of nodes.slice(0, 3)) await first.ok(['node', 'update', '--label-add', 'web=yes', host.name]);
  await deploy('one');
});

afterAll(async () => {
  await Promise.all(talkers.splice(0).map((talker) => talker.close()));
  await lan.destroy();
});

async function deploy(version: string): Promise<void> {
  await first.ok(['stack', 'deploy', '-c', '-', 'shop'], { stdin: stack(version) });
}

async function containerOf(host: Host, service: string): Promise<string> {
  return host.look(['ps', '-q', '--filter', `name=shop_${service}`]);
}

async function keep(talker: Promise<Talker>): Promise<Talker> {
  const started = await talker;
  talkers.push(started);
  return started;
}

/** In the network namespace of each task of web. */
async function inTasks(serve: (prefix: readonly string[], slot: string) => Promise<Talker>): Promise<Talker[]> {
  const served: Talker[] = [];
  for (const host of nodes) {
    const ids = (await containerOf(host, 'web')).split('\n').filter((id) => id !== '');
    for (const id of ids) {
      const [pid = '', name = ''] = (await host.look(['inspect', '--format', '{{.State.Pid}} {{.Name}}', id])).split(
        ' ',
      );
      const [, slot = ''] = /web\.(\d+)\./.exec(name) ?? [];
      served.push(await keep(serve(['nsenter', '-t', pid, '--net'], slot)));
    }
  }
  return served;
}

/** Nodes that have one task of web. */
async function withTasks(): Promise<Host[]> {
  const ids = await Promise.all(nodes.map((host) => containerOf(host, 'web')));
  return nodes.filter((_, index) => /^\w+$/.test(ids[index]?.trim() ?? ''));
}

/** In the service's container on the host. */
async function inContainer(host: Host, service: string, script: string): Promise<string> {
  return host.ok(['exec', await containerOf(host, service), 'sh', '-c', script]);
}

async function webAddresses(): Promise<string[]> {
  const answer = await inContainer(first, 'client', 'nslookup tasks.web');
  return [...answer.matchAll(/Address: (10\.\d+\.\d+\.\d+)$/gm)].map(([, address]) => address ?? '');
}

/** Who answered, and whom it saw, in as many requests. */
async function ask(from: Host, address: string, count: number): Promise<string[]> {
  const answers = await fetchMany(from.inside([]), `http://${address}:8080/cgi-bin/who`, count);
  return [...new Set(answers.map((answer) => answer.trim()))].sort();
}

describe('a network of containers on several hosts', () => {
  it('reaches each task from each host, by name and address, with packets of any size', async () => {
    await until('all names', async () => (await webAddresses()).length === 3);
    const addresses = await webAddresses();
    const script = (address: string) =>
      `ping -c 1 -W 3 -s 4000 ${address} >/dev/null && printf 'GET /cgi-bin/who HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${address} 80 | tail -1`;
    for (const host of nodes) {
      const own = (await inContainer(host, 'client', "ip -4 -o address show eth0 | sed 's/.*inet //; s#/.*##'")).trim();
      const answers = (await inContainer(host, 'client', addresses.map(script).join(';'))).split('\n');
      expect(answers.sort()).toEqual([1, 2, 3].map((slot) => `web-${slot} one ${own}`));
    }
  });

  it('has one address for the service, by which its tasks are reached from everywhere, also from themselves', async () => {
    const [, vip = ''] = /Address: (10\.\S+)/.exec(await inContainer(first, 'client', 'nslookup web')) ?? [];
    expect(await webAddresses()).not.toContain(vip);
    const script = `for i in 1 2 3 4 5 6; do printf 'GET /cgi-bin/who HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${vip} 80 | tail -1; done`;
    for (const host of nodes) {
      const own = (await inContainer(host, 'client', "ip -4 -o address show eth0 | sed 's/.*inet //; s#/.*##'")).trim();
      const answers = new Set((await inContainer(host, 'client', script)).split('\n'));
      expect([...answers].sort()).toEqual([1, 2, 3].map((slot) => `web-${slot} one ${own}`));
    }
    const [host = first] = await withTasks();
    const names = (await inContainer(host, 'web', script)).split('\n').map((answer) => answer.split(' ')[0]);
    expect(new Set(names)).toEqual(new Set(['web-1', 'web-2', 'web-3']));
    expect(await inContainer(first, 'stranger', `nc -w 2 ${vip} 80 </dev/null; echo $?`)).toBe('1');
  });

  it('cannot be reached from another network, nor be found there', async () => {
    const [address = ''] = await webAddresses();
    const ofStranger = (host: Host) =>
      inContainer(host, 'stranger', `ping -c 1 -W 1 ${address} >/dev/null; echo $?; nslookup web >/dev/null; echo $?`);
    expect(await Promise.all(nodes.map(ofStranger))).toEqual(nodes.map(() => '1\n1'));
  });

  it('lets no container pretend to be a node that carries another network', async () => {
    const pid = await first.look(['inspect', '--format', '{{.State.Pid}}', await containerOf(first, 'stranger')]);
    // Connected, so that it hears when it is told that it may not.
    const forge = `const s = require('dgram').createSocket('udp4');
      s.on('error', (e) => { console.log(e.code); process.exit() });
      s.connect(4789, '${nodes[1].address}', () => setInterval(() => s.send('x'), 20))`;
    const forged = await output(['nsenter', '-t', pid, '--net', process.execPath, '-e', forge]);
    expect(forged.trim()).toBe('EHOSTUNREACH');
  });
});

describe('a published port', () => {
  it('leads from every node to every task, which sees the address of its client', async () => {
    for (const { address } of nodes) {
      expect(await ask(outside, address, 6)).toEqual([1, 2, 3].map((slot) => `web-${slot} one ${outside.address}`));
    }
  });

  it('is reached by nodes themselves, also one without a task, on any address', async () => {
    for (const host of [first, nodes[3]]) {
      for (const address of ['127.0.0.1', host.address, nodes[1].address]) {
        const names = (await ask(host, address, 6)).map((answer) => answer.split(' ')[0]);
        expect(new Set(names)).toEqual(new Set(['web-1', 'web-2', 'web-3']));
      }
    }
  });

  it('leads there over UDP, too', async () => {
    const servers = await inTasks(async (prefix, slot) => serveUdp(prefix, 53, `web-${slot}`));
    for (const { address } of [...nodes]) {
      const client = await keep(udpClient(outside.inside([]), address, 5353));
      const answers = new Set<string>();
      for (let count = 0; count < 9; count += 1) answers.add(await client.ask());
      expect([...answers].sort()).toEqual([1, 2, 3].map((slot) => `web-${slot} ${outside.address}`));
    }
    await Promise.all(servers.map((server) => server.close()));
  });

  it('goes on while the agents of nodes are away, and all managers, with what was under way', async () => {
    await inTasks((prefix) => serveEcho(prefix, 81));
    const connections = await Promise.all(
      nodes.map(({ address }) => keep(connection(outside.inside([]), address, 8081))),
    );
    await first.kill();
    await Promise.all(nodes.slice(1).map((host) => host.stop('SIGKILL')));
    for (const one of connections) expect(await one.ask('still here')).toBe('still here');
    const all = [1, 2, 3].map((slot) => `web-${slot} one ${outside.address}`);
    for (const { address } of nodes) expect(await ask(outside, address, 6)).toEqual(all);
    await Promise.all(nodes.map((host) => host.start()));
    for (const { address } of nodes) expect(await ask(outside, address, 6)).toEqual(all);
    for (const one of connections) expect(await one.ask('and still')).toBe('and still');
    await until('the nodes to be back', async () => !(await first.look(['node', 'ls'])).includes('Down'));
  });

  it('loses no request while its service is updated, on any node, however long it takes', async () => {
    const over = new AbortController();
    const answers: string[] = [];
    const slow = nodes.map(({ address }) => fetchMany(outside.inside([]), `http://${address}:8080/cgi-bin/slow`, 1));
    const asking = nodes.map(async ({ address }) => {
      while (!over.signal.aborted) answers.push(...(await ask(outside, address, 10)));
    });
    await deploy('two');
    over.abort();
    await Promise.all(asking);
    const wrong = answers.filter((answer) => !/^web-[123] (one|two) 10\.99\.0\.5$/.test(answer));
    expect(wrong).toEqual([]);
    for (const [answer] of await Promise.all(slow)) expect(answer?.trim()).toMatch(/^web-[123] one slowly$/);
    expect(await ask(outside, first.address, 6)).toEqual([1, 2, 3].map((slot) => `web-${slot} two ${outside.address}`));
  });
});

it('leaves nothing on a node that has left, and the others find each other', async () => {
  const [, , , last] = nodes;
  await last.ok(['cluster', 'leave']);
  await last.ok(['system', 'stop', '-f']);
  const { cgroups: _, ...before } = empty[3] as Census;
  await until('all of it to be gone', async () => {
    const { cgroups: __, ...left } = await takeCensus(last);
    expect(left).toEqual(before);
    return true;
  });
  await first.ok(['node', 'rm', last.name, '--force']);
  await until(
    'the others to forget it',
    async () => !(await output(first.inside(['ip', 'rule']))).includes('0x47000003'),
  );
  for (const { address } of nodes.slice(0, 3)) expect(await ask(outside, address, 6)).toHaveLength(3);
});
