/**
 * Much on one network: a thousand services, each of which must be reached by its name; and a service of 600 tasks on a /22, each
 * with an address of its own.
 *
 * Arguments: [services [tasks]]
 */
import { output } from '../../lab/command.ts';
import type { Host } from '../../lab/host.ts';
import { importBusyboxInto } from '../../lab/image.ts';
import { joinHosts } from '../../lab/join-hosts.ts';
import { Lan } from '../../lab/lan.ts';
import { until } from '../../lab/until.ts';

const [services = 1000, tasks = 600] = process.argv.slice(2).map(Number);
const NODES = 5;
const DEPLOY_MS = 570_000;

/** Each says its own name. */
function manyServices(): string {
  const one = (number: number) => `
  s${number}:
    image: busybox
    command: [sh, -c, "exec nc -ll -p 80 -e echo s${number}"]
    init: true
    stop_grace_period: 1s`;
  return `services:${Array.from({ length: services }, (_, index) => one(index)).join('')}
  client: {image: busybox, command: sleep infinity, init: true, deploy: {mode: global}}
networks: {default: {ipam: {config: [{subnet: 10.120.0.0/18}]}}}
`;
}

const MANY_TASKS = `
services:
  web:
    image: busybox
    command: sleep infinity
    init: true
    stop_grace_period: 1s
    deploy: {replicas: ${tasks}}
networks: {default: {ipam: {config: [{subnet: 10.130.0.0/22}]}}}
`;

async function main(): Promise<void> {
  const lan = await Lan.create('many', NODES);
  try {
    const nodes = lan.hosts;
    const [first] = nodes as [Host];
    await Promise.all(nodes.map((host) => host.start()));
    await importBusyboxInto(nodes);
    await joinHosts(nodes, 1);
    await timed(`${services} services deployed`, () => deploy(first, 'many', manyServices()));
    for (const host of nodes.slice(0, 2)) await timed(`asked each from ${host.name}`, () => askEach(host));
    await first.ok(['stack', 'rm', 'many'], { timeoutMs: DEPLOY_MS });
    await until(
      'them to be gone',
      async () => (await Promise.all(nodes.map((host) => output(host.command(['ps', '-q']))))).join('').trim() === '',
      DEPLOY_MS,
    );
    await timed(`${tasks} tasks on a /22 deployed`, () => deploy(first, 'wide', MANY_TASKS));
    await countAddresses(nodes);
  } finally {
    await lan.destroy();
  }
}

async function deploy(first: Host, name: string, stack: string): Promise<void> {
  await first.ok(['stack', 'deploy', '--timeout', '9m', '-c', '-', name], { stdin: stack, timeoutMs: DEPLOY_MS });
}

/** By its name, so through its own address. Says how long each hundred took: it must not be longer for the last. */
async function askEach(host: Host): Promise<void> {
  const client = (await host.ok(['ps', '-q', '--filter', 'name=many_client'])).trim();
  const script = `ask() { nc -w 5 "$1" 80 </dev/null 2>&1; }
    now() { cut -d ' ' -f 1 /proc/uptime | tr -d .; }
    i=0; wrong=0; times=; begun=$(now)
    while [ $i -lt ${services} ]; do
      said=$(ask s$i)
      [ "$said" = s$i ] || { wrong=$((wrong + 1)); echo "s$i said '$said', then '$(ask s$i)'"; }
      i=$((i + 1))
      [ $((i % 100)) != 0 ] || { ended=$(now); times="$times $((ended - begun))"; begun=$ended; }
    done
    echo "each hundred took, in 10 ms:$times"
    echo "$wrong wrong"`;
  console.log((await host.ok(['exec', client, 'sh', '-c', script], { timeoutMs: DEPLOY_MS })).trim());
}

async function countAddresses(nodes: readonly Host[]): Promise<void> {
  const all: string[] = [];
  for (const host of nodes) {
    const ids = (await host.ok(['ps', '-q', '--filter', 'name=wide_web'])).split('\n').filter((id) => id !== '');
    const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
    all.push(...(await host.ok(['inspect', '--format', format, ...ids])).split('\n'));
    console.log(`${host.name}: ${ids.length} tasks`);
  }
  const inside = all.filter((address) => /^10\.130\.[0-3]\.\d+$/.test(address));
  console.log(`${new Set(inside).size} addresses, each of one task, of ${all.length} tasks`);
}

async function timed(what: string, action: () => Promise<void>): Promise<void> {
  const begun = performance.now();
  await action();
  console.log(`${what}: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
}

await main();
