/** Hosts that others have their hands in: two nodes with an overlay and a published port, and a host beside them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { output, runCommand } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';
import { fetchMany } from '../lab/requests.ts';
import { until } from '../lab/until.ts';

/** web is on the second node, and so is an echo server; clients are on both. */
const STACK = `
services:
  web:
    image: busybox
    command: sh -c 'mkdir /www && echo hello >/www/index.html && (nc -ll -p 7 -e cat & exec httpd -f -p 80 -h /www)'
    init: true
    ports: ["8080:80", "8007:7"]
    networks: [front]
    deploy: {placement: {constraints: [node.labels.web == yes]}}
  client:
    image: busybox
    command: sleep infinity
    init: true
    networks: [front]
    deploy: {mode: global}
networks: {front: {}}
`;

const ASK_WEB = `address=$(nslookup web | sed -n 's/^Address: \\(10[.].*\\)/\\1/p' | head -1)
  printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 "$address" 80 | tail -1`;

/** Long enough for an agent that notices within a second, on a machine that has other things to do. */
const SOON_MS = 8_000;

let lan: Lan;
let first: Host;
let second: Host;
let outside: Host;

beforeAll(async () => {
  lan = await Lan.create('others', 3);
  [first, second, outside] = lan.hosts as [Host, Host, Host];
  await Promise.all([first.start(), second.start()]);
  await Promise.all([importBusybox(first), importBusybox(second)]);
  await first.ok(['cluster', 'init', '--advertise-addr', first.address]);
  const token = await first.ok(['cluster', 'join-token', '-q', 'worker']);
  await second.ok(['cluster', 'join', '--token', token, `${first.address}:2377`]);
  await first.ok(['node', 'update', '--label-add', 'web=yes', second.name]);
  await first.ok(['stack', 'deploy', '-c', '-', 'shop'], { stdin: STACK });
  await until('everything to work', works);
});

afterAll(() => lan.destroy());

function on(host: Host, command: string): Promise<string> {
  return output(host.inside(['sh', '-c', command]));
}

/** The bridge of the network, or its VXLAN; a host without containers of its own has no other bridge. */
async function linkOf(host: Host, kind: 'bridge' | 'vxlan'): Promise<string> {
  const links = await on(host, `ip -o link show type ${kind}`);
  const [, name] = /^\d+: (gt\w{4}[bx]\w+)/m.exec(links) ?? [];
  if (name === undefined) throw new Error(`no ${kind} of the network`);
  return name;
}

/** From container to container across hosts, and to the published port by either node. */
async function works(): Promise<boolean> {
  const client = await first.look(['ps', '-q', '--filter', 'name=shop_client']);
  const inside = await first.gantry(['exec', client, 'sh', '-c', ASK_WEB]);
  expect(inside).toMatchObject({ code: 0, stdout: 'hello\n' });
  const answers = [first, second].map(({ address }) => fetchMany(outside.inside([]), `http://${address}:8080/`, 2));
  for (const answer of (await Promise.all(answers)).flat()) expect(answer.trim()).toBe('hello');
  return true;
}

/** A connection to the published port of a node, which echoes. */
class Echo {
  readonly #client: ChildProcess;

  constructor(address: string) {
    const [program = '', ...args] = outside.inside(['busybox', 'nc', address, '8007']);
    this.#client = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  }

  async ask(line: string): Promise<string> {
    if (this.#client.stdout === null) throw new Error('no output');
    const answer = once(this.#client.stdout, 'data', { signal: AbortSignal.timeout(SOON_MS) });
    this.#client.stdin?.write(`${line}\n`);
    return String((await answer)[0]).trim();
  }

  async close(): Promise<void> {
    this.#client.kill('SIGKILL');
    await once(this.#client, 'exit');
  }
}

describe('a host whose networks somebody else changes', () => {
  it.each([0, 1])('keeps connections through a flush of all rules on node %i', async (index) => {
    const host = lan.hosts[index] as Host;
    const echoes = [first, second].map(({ address }) => new Echo(address));
    try {
      for (const echo of echoes) expect(await echo.ask('one')).toBe('one');
      await on(host, 'nft flush ruleset');
      for (const echo of echoes) expect(await echo.ask('two')).toBe('two');
      await until('everything to work', works, SOON_MS);
      for (const echo of echoes) expect(await echo.ask('three')).toBe('three');
    } finally {
      for (const echo of echoes) await echo.close();
    }
  });

  it.each([0, 1])(
    'works again soon after links, addresses, routes and rules were deleted on node %i',
    async (index) => {
      const host = lan.hosts[index] as Host;
      const [bridge, vxlan] = [await linkOf(host, 'bridge'), await linkOf(host, 'vxlan')];
      const damages = [
        `ip link del ${vxlan}`,
        `ip link del ${bridge}`,
        `ip link set ${bridge} down`,
        `ip addr flush dev ${bridge}`,
        `ip route flush dev ${vxlan}`,
        'while ip rule del priority 18177; do :; done 2>/dev/null',
        'ip rule del priority 18176',
        'ip route flush table 0x47000000; ip route flush table 0x47000001',
        `ip link del $(ip -o link show master ${bridge} type veth | sed 's/^[0-9]*: //; s/@.*//' | head -1)`,
        'echo 0 >/proc/sys/net/ipv4/ip_forward; nft flush ruleset',
      ];
      for (const damage of damages) {
        await on(host, damage);
        await until(`everything to work after: ${damage}`, works, SOON_MS);
      }
      const log = readFileSync(host.logPath, 'utf8');
      expect(log).toContain(`"putBack":["link ${vxlan}"`);
      expect(log).toMatch(/"putBack":\[[^\]]*nftables table gantry-/);
    },
  );
});

/** As hosts have them: what is forwarded is dropped, by a policy or by a last rule. */
const FIREWALLS = {
  'nftables with a policy': `table inet filter { chain forward {
    type filter hook forward priority filter; policy drop; iifname "eth9" oifname "eth8" accept; }; }`,
  "iptables' FORWARD with a policy": `table ip filter { chain FORWARD {
    type filter hook forward priority filter; policy drop; counter jump DOCKER-USER; }; chain DOCKER-USER { counter return; }; }`,
  'a last rule that rejects, as of firewalld': `table inet firewalld {
    chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept;
      ct state established,related accept; iifname "lo" accept; jump filter_FORWARD_POLICIES;
      ct state invalid drop; reject with icmpx admin-prohibited; };
    chain filter_FORWARD_POLICIES { }; }`,
};

describe.each(Object.entries(FIREWALLS))('beside a firewall: %s', (_, rules) => {
  const [, family = '', table = '', chain = ''] = /table (\S+) (\S+) \{\s*chain (\S+)/.exec(rules) ?? [];
  const place = `${family} ${table} ${chain}`;

  beforeAll(async () => {
    for (const host of [first, second]) await output(host.inside(['nft', '-f', '-']), { stdin: rules });
  });

  afterAll(async () => {
    for (const host of [first, second]) await on(host, `nft delete table ${family} ${table}`);
  });

  it('containers reach each other across hosts, published ports are reached, and so is what is outside', async () => {
    await until('everything to work', works, SOON_MS);
    await until('the way out', leadsOut, SOON_MS);
  });

  it('what it says itself counts, also what it says later', async () => {
    const fetch = ['timeout', '2', 'busybox', 'wget', '-q', '-O', '/dev/null', `http://${first.address}:8080/`];
    const isKeptOut = async () =>
      (await runCommand(outside.inside(fetch))).code !== 0 &&
      /ip saddr \S+ counter packets [1-9]/.test(await on(first, `nft list chain ${place}`));
    // Behind a rule that rejects the rest it would be nothing.
    const verb = rules.includes('reject') ? 'insert' : 'add';
    const handle = await on(first, `nft -e -a ${verb} rule ${place} ip saddr ${outside.address} counter drop`);
    await until('clients to be kept out', isKeptOut, 30_000);
    await on(first, `nft delete rule ${place} handle ${/handle (\d+)/.exec(handle)?.[1]}`);
    await until('everything to work', works, SOON_MS);
  });

  it('what it is given is back when it was loaded anew', async () => {
    await output(second.inside(['nft', '-f', '-']), { stdin: `flush table ${family} ${table}\n${rules}` });
    await until('everything to work', works, SOON_MS);
  });
});

/** From a container to a server that is no node. */
async function leadsOut(): Promise<boolean> {
  const client = await first.look(['ps', '-q', '--filter', 'name=shop_client']);
  const [program = '', ...args] = outside.inside(['busybox', 'nc', '-l', '-p', '9000']);
  const server = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const heard = once(server.stdout, 'data', { signal: AbortSignal.timeout(2_000) });
    const said = first.gantry(['exec', client, 'sh', '-c', `echo out | nc -w 1 ${outside.address} 9000`]);
    const [[line]] = await Promise.all([heard, said]);
    return String(line).trim() === 'out';
  } finally {
    server.kill('SIGKILL');
  }
}

it('leaves nothing in the firewall of a host that is stopped', async () => {
  const [rules] = Object.values(FIREWALLS);
  await output(second.inside(['nft', '-f', '-']), { stdin: rules ?? '' });
  await until('rules to be in it', async () => (await on(second, 'nft list table inet filter')).includes('gantry'));
  await second.ok(['cluster', 'leave']);
  await second.ok(['system', 'stop', '-f']);
  const left = await on(second, 'nft list ruleset');
  expect(left).toContain('eth9');
  expect(left).not.toContain('gantry');
});
