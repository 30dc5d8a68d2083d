/** Networks across hosts, as containers and clients see them: four nodes, and a host beside them that is none. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Census, takeCensus } from '../lab/census.ts';
import { output } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';
import { fetchMany } from '../lab/requests.ts';
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
    ports: ["8080:80"]
    networks: [front]
    deploy:
      replicas: 3
      placement: {max_replicas_per_node: 2, constraints: [node.labels.web == yes]}
      update_config: {order: start-first, monitor: 0s}
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

beforeAll(async () => {
  lan = await Lan.create('networks', 5);
  nodes = lan.hosts.slice(0, 4) as [Host, Host, Host, Host];
  [first] = nodes;
  outside = lan.hosts[4] as Host;
  empty = await Promise.all(nodes.map(takeCensus));
  await Promise.all(nodes.map((host) => host.start()));
  await Promise.all(nodes.map((host) => importBusybox(host)));
  await first.ok(['cluster', 'init', '--advertise-addr', first.address]);
  const token = await first.ok(['cluster', 'join-token', '-q', 'worker']);
  for (const host of nodes.slice(1)) await host.ok(['cluster', 'join', '--token', token, `${first.address}:2377`]);
  for (const host of nodes.slice(0, 3)) await first.ok(['node', 'update', '--label-add', 'web=yes', host.name]);
  await deploy('one');
});

afterAll(() => lan.destroy());

async function deploy(version: string): Promise<void> {
  await first.ok(['stack', 'deploy', '-c', '-', 'shop'], { stdin: stack(version) });
}

async function containerOf(host: Host, service: string): Promise<string> {
  return host.ok(['ps', '-q', '--filter', `name=shop_${service}`]);
}

/** In the service's container on the host. */
async function inContainer(host: Host, service: string, script: string): Promise<string> {
  return host.ok(['exec', await containerOf(host, service), 'sh', '-c', script]);
}

async function webAddresses(): Promise<string[]> {
  const answer = await inContainer(first, 'client', 'nslookup web');
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

  it('cannot be reached from another network, nor be found there', async () => {
    const [address = ''] = await webAddresses();
    for (const host of nodes) {
      expect(await inContainer(host, 'stranger', `ping -c 1 -W 1 ${address} >/dev/null; echo $?`)).toBe('1');
      expect(await inContainer(host, 'stranger', 'nslookup web >/dev/null; echo $?')).toBe('1');
    }
  });

  it('lets no container pretend to be a node that carries another network', async () => {
    const pid = await first.ok(['inspect', '--format', '{{.State.Pid}}', await containerOf(first, 'stranger')]);
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

  it('goes on while the agents of nodes are away, and all managers', async () => {
    await Promise.all(nodes.map((host) => host.stop('SIGKILL')));
    const all = [1, 2, 3].map((slot) => `web-${slot} one ${outside.address}`);
    for (const { address } of nodes) expect(await ask(outside, address, 6)).toEqual(all);
    await Promise.all(nodes.map((host) => host.start()));
    for (const { address } of nodes) expect(await ask(outside, address, 6)).toEqual(all);
    await until('the nodes to be back', async () => !(await first.ok(['node', 'ls'])).includes('Down'));
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
