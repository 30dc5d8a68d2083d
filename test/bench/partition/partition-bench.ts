/**
 * Many task changes and a partition under traffic: connections inside each side must live, and soon after the partition every
 * node must know exactly the tasks that there are: by name, and behind the service's address.
 *
 * Arguments: [task changes [seconds of the partition]]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { output } from '../../lab/command.ts';
import type { Host } from '../../lab/host.ts';
import { importBusyboxInto } from '../../lab/image.ts';
import { joinHosts } from '../../lab/join-hosts.ts';
import { Lan } from '../../lab/lan.ts';
import { connection, serveEcho, type Talker } from '../../lab/talk.ts';
import { until } from '../../lab/until.ts';

const [changes = 1000, seconds = 30] = process.argv.slice(2).map(Number);
const NODES = 5;
const AWAY = 2;
const REPLICAS = [10, 30];
const SETTLED_MS = 2000;

const STACK = `
services:
  web:
    image: busybox
    command: sleep infinity
    init: true
    stop_grace_period: 1s
    deploy: {replicas: ${REPLICAS[0]}, restart_policy: {delay: 0s}}
  client:
    image: busybox
    command: sleep infinity
    init: true
    deploy: {mode: global}
`;

const talkers: Talker[] = [];

async function main(): Promise<void> {
  const lan = await Lan.create('partition', NODES);
  try {
    const nodes = lan.hosts;
    const [first] = nodes as [Host];
    await Promise.all(nodes.map((host) => host.start()));
    await importBusyboxInto(nodes);
    // Three managers, all on the side that stays.
    await joinHosts(nodes, NODES - AWAY);
    await first.ok(['stack', 'deploy', '-c', '-', 'shop'], { stdin: STACK });
    const pairs = await talkWithin([nodes.slice(0, NODES - AWAY), nodes.slice(NODES - AWAY)]);
    const begun = Date.now();
    await change(first, changes / 2);
    const [near, far] = [nodes.slice(0, NODES - AWAY), nodes.slice(NODES - AWAY)];
    await eachPair(near, far, (a, b) => lan.cut(a, b));
    const ending = Date.now() + seconds * 1000;
    let made = 0;
    while (Date.now() < ending) {
      made += await change(first, REPLICAS[1] as number, 5);
      for (const pair of pairs) await pair.ask('during');
    }
    await eachPair(near, far, (a, b) => lan.heal(a, b));
    const healed = Date.now();
    await until('all nodes to be back', async () => !(await first.ok(['node', 'ls'])).includes('Down'), 60_000);
    const back = Date.now() - healed;
    await sleep(Math.max(0, healed + SETTLED_MS - Date.now()));
    await tellDifferences(`${((Date.now() - healed) / 1000).toFixed(1)} s after it was healed`, first, nodes);
    await change(first, Math.max(0, changes / 2 - made));
    console.log(
      `${changes} task changes and a partition of ${seconds} s in ${((Date.now() - begun) / 1000).toFixed(0)} s; all nodes back ${(back / 1000).toFixed(1)} s after it`,
    );
    await sleep(SETTLED_MS);
    await tellDifferences(`${SETTLED_MS / 1000} s after the last change`, first, nodes);
    for (const pair of pairs) await pair.ask('after');
    console.log(`${pairs.length} connections inside the sides live`);
  } finally {
    await Promise.all(talkers.map((talker) => talker.close()));
    await lan.destroy();
  }
}

async function eachPair(
  near: readonly Host[],
  far: readonly Host[],
  act: (from: Host, to: Host) => Promise<void>,
): Promise<void> {
  for (const a of near)
    for (const b of far)
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const)
        await act(from, to);
}

/** Up and down, until so many tasks have been begun or ended. Returns how many. `atATime`: fewer while nodes are away. */
async function change(
  first: Host,
  wanted: number,
  atATime = (REPLICAS[1] as number) - (REPLICAS[0] as number),
): Promise<number> {
  const [few = 0] = REPLICAS;
  let made = 0;
  for (let round = 0; made < wanted; round += 1) {
    const replicas = round % 2 === 0 ? few + atATime : few;
    await first.ok(['service', 'scale', '-d', `shop_web=${replicas}`]);
    await until('the tasks', async () => (await running(first)).length === replicas, 60_000);
    made += atATime;
  }
  if ((await running(first)).length !== few) await first.ok(['service', 'scale', '-d', `shop_web=${few}`]);
  await until('the tasks', async () => (await running(first)).length === few, 60_000);
  return made;
}

async function running(first: Host): Promise<string[]> {
  const format = '{{.ID}} {{.CurrentState}}';
  const tasks = await first.ok([
    'service',
    'ps',
    '--no-trunc',
    '--filter',
    'desired-state=running',
    '--format',
    format,
    'shop_web',
  ]);
  return tasks
    .split('\n')
    .filter((line) => line.includes(' Running'))
    .map((line) => line.split(' ')[0] ?? '');
}

/** One connection from each host to another of its side, between clients' containers, by their addresses. */
async function talkWithin(sides: readonly (readonly Host[])[]): Promise<Talker[]> {
  const pairs: Talker[] = [];
  for (const side of sides) {
    const [server, ...clients] = side as [Host, ...Host[]];
    talkers.push(await serveEcho(await inClient(server), 7));
    const address = (await exec(server, "ip -4 -o address show eth0 | sed 's/.*inet //; s#/.*##'")).trim();
    for (const client of clients) pairs.push(await connection(await inClient(client), address, 7));
  }
  talkers.push(...pairs);
  return pairs;
}

async function clientOf(host: Host): Promise<string> {
  return (await host.ok(['ps', '-q', '--filter', 'name=shop_client'])).trim();
}

async function inClient(host: Host): Promise<string[]> {
  return ['nsenter', '-t', await host.ok(['inspect', '--format', '{{.State.Pid}}', await clientOf(host)]), '--net'];
}

async function exec(host: Host, script: string): Promise<string> {
  return host.ok(['exec', await clientOf(host), 'sh', '-c', script]);
}

async function tellDifferences(when: string, first: Host, nodes: readonly Host[]): Promise<void> {
  const wrong = await differences(first, nodes);
  console.log(`${when}: ${wrong.length} differences from the ${(await running(first)).length} tasks that there are`);
  for (const line of wrong) console.log(`  ${line}`);
}

/** What nodes know that isn't so, or don't know. */
async function differences(first: Host, nodes: readonly Host[]): Promise<string[]> {
  const live: string[] = [];
  for (const host of nodes) {
    const ids = (await host.ok(['ps', '-q', '--filter', 'name=shop_web'])).split('\n').filter((id) => id !== '');
    const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
    if (ids.length > 0) live.push(...(await host.ok(['inspect', '--format', format, ...ids])).split('\n'));
  }
  const wanted = sorted(live);
  const [vip = ''] = addressesIn(await exec(first, 'nslookup web'));
  const wrong: string[] = [];
  for (const host of nodes) {
    const names = sorted(addressesIn(await exec(host, 'nslookup tasks.web')));
    if (names !== wanted) wrong.push(`${host.name}: by name ${names}, live ${wanted}`);
    const rules = await output(host.inside(['nft', 'list', 'ruleset']));
    const chain =
      new RegExp(`chain to-\\S+-${vip.replaceAll('.', '\\.')} \\{([^}]*\\}?[^}]*)\\}`).exec(rules)?.[1] ?? '';
    const behind = sorted(chain.match(/\b10\.\d+\.\d+\.\d+\b/g) ?? []);
    if (behind !== wanted) wrong.push(`${host.name}: behind ${vip} ${behind}, live ${wanted}`);
  }
  return wrong;
}

function addressesIn(text: string): string[] {
  return [...text.matchAll(/Address: (10\.\d+\.\d+\.\d+)$/gm)].map(([, address]) => address ?? '');
}

function sorted(addresses: readonly string[]): string {
  return addresses
    .filter((address) => address !== '')
    .toSorted((a, b) => a.localeCompare(b))
    .join(' ');
}

await main();
