/**
 * How fast the network is: between two hosts of the lab, beside their bare link and a VXLAN made by hand; on one host beside
 * Docker; and how long it takes to make a container's, and to change a service. Medians of rounds taken in turns; of ratios,
 * too, each within its round: how fast the machine is changes more from one minute to the next than the ways differ.
 *
 * Arguments: [rounds]
 */
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { output } from '../../lab/command.ts';
import { HOST_ADDRESS, Host } from '../../lab/host.ts';
import { exportBusybox, importBusybox, importBusyboxInto } from '../../lab/image.ts';
import { joinHosts } from '../../lab/join-hosts.ts';
import { Lan } from '../../lab/lan.ts';
import { until } from '../../lab/until.ts';
import { DockerPeer } from '../docker-peer.ts';
import { median } from '../statistics.ts';
import { handMadeVxlan } from './hand-made.ts';
import { measure, OWN, type Path, PUBLISHED, type Speed } from './path.ts';
import { setUpTimes } from './set-up-times.ts';

const [rounds = 9] = process.argv.slice(2).map(Number);
const PORTS = (['stream', 'echo'] as const).map((kind) => `${PUBLISHED[kind]}:${OWN[kind]}`);

const STACK = `
services:
  server:
    image: busybox
    command: sleep infinity
    init: true
    ports: ${JSON.stringify(PORTS)}
    deploy: {placement: {constraints: [node.labels.role == server]}}
  client:
    image: busybox
    command: sleep infinity
    init: true
    deploy: {placement: {constraints: [node.labels.role == client]}}
`;

async function betweenHosts(): Promise<void> {
  const lan = await Lan.create('netbench', 3);
  const [client, server, outside] = lan.hosts as [Host, Host, Host];
  const handMade = await handMadeVxlan([client, server]);
  try {
    await deployPeers(client, server);
    const [clientTask, serverTask] = [await task(client, 'client'), await task(server, 'server')];
    const address = (await client.ok(['exec', await container(client, 'client'), 'nslookup', 'tasks.server'])).match(
      /Address: (10\S+)/,
    )?.[1];
    const vip = (await client.ok(['exec', await container(client, 'client'), 'nslookup', 'server'])).match(
      /Address: (10\S+)/,
    )?.[1];
    if (address === undefined || vip === undefined) throw new Error('the service has no address');
    const paths: Path[] = [
      { name: 'bare link', client: client.inside([]), server: server.inside([]), address: server.address, ports: OWN },
      {
        name: 'VXLAN by hand',
        client: handMade.prefixes[0],
        server: handMade.prefixes[1],
        address: handMade.addresses[1],
        ports: OWN,
      },
      { name: 'overlay', client: clientTask, server: serverTask, address, ports: OWN },
      { name: 'service address', client: clientTask, server: serverTask, address: vip, ports: OWN },
      {
        name: 'published, other node',
        client: outside.inside([]),
        server: serverTask,
        address: client.address,
        ports: PUBLISHED,
      },
      {
        name: 'published, own node',
        client: outside.inside([]),
        server: serverTask,
        address: server.address,
        ports: PUBLISHED,
      },
    ];
    print('between hosts', await takeTurns(paths), 'VXLAN by hand');
  } finally {
    await handMade.remove();
    await lan.destroy();
  }
}

async function deployPeers(client: Host, server: Host): Promise<void> {
  const hosts = [client, server];
  await Promise.all(hosts.map((host) => host.start()));
  await importBusyboxInto(hosts);
  await joinHosts(hosts, 1);
  await client.ok(['node', 'update', '--label-add', 'role=client', client.name]);
  await client.ok(['node', 'update', '--label-add', 'role=server', server.name]);
  await client.ok(['stack', 'deploy', '-c', '-', 'bench'], { stdin: STACK });
}

async function container(host: Host, service: string): Promise<string> {
  return until(`the container of ${service}`, async () => {
    const id = (await host.ok(['ps', '-q', '--filter', `name=bench_${service}`])).trim();
    return id === '' ? undefined : id;
  });
}

/** To run in the network namespace of the service's container. */
async function task(host: Host, service: string): Promise<string[]> {
  return [
    'nsenter',
    '-t',
    await host.ok(['inspect', '--format', '{{.State.Pid}}', await container(host, service)]),
    '--net',
  ];
}

interface Engine {
  readonly name: string;
  command(args: readonly string[]): string[];
  /** Outside the engine's host, and its address there. */
  readonly outside: readonly string[];
  readonly address: string;
}

async function onOneHost(): Promise<void> {
  const host = await Host.create('netlocal');
  let docker: DockerPeer | undefined;
  try {
    await host.start();
    await importBusybox(host);
    docker = await DockerPeer.start();
    const engines: Engine[] = [
      { name: 'gantry', command: (args) => host.command(args), outside: host.outside([]), address: HOST_ADDRESS },
    ];
    if (docker === undefined) console.log('docker: not measured, install docker.io');
    else {
      await docker.addNeighbour();
      await giveBusybox(docker);
      const command = docker.command.bind(docker);
      engines.push({ name: 'docker', command, outside: docker.outside([]), address: DockerPeer.ADDRESS });
    }
    const paths: Path[] = [];
    for (const engine of engines) paths.push(...(await localPaths(engine)));
    const speeds = await takeTurns(paths);
    print('on one host', speeds, undefined);
    for (const way of docker === undefined ? [] : ['bridge', 'published']) {
      const [bytes, time] = (['gigabits', 'p50'] as const).map((key) =>
        ratioOf(speeds, `gantry ${way}`, `docker ${way}`, key),
      );
      console.log(`  ${way}: ${fixed(bytes, 2, 0)} of Docker's bytes, ${fixed(time, 2, 0)} of its time`);
    }
  } finally {
    await docker?.stop();
    await host.destroy();
  }
}

async function giveBusybox(docker: DockerPeer): Promise<void> {
  const archive = join(tmpdir(), `gantry-bench-${process.pid}.tar`);
  try {
    await exportBusybox(archive);
    await output(docker.command(['import', archive, 'busybox']));
  } finally {
    await rm(archive, { force: true });
  }
}

async function localPaths(engine: Engine): Promise<Path[]> {
  const run = async (name: string, ...flags: readonly string[]) => {
    const id = (
      await output(engine.command(['run', '-d', '--init', '--name', name, ...flags, 'busybox', 'sleep', 'infinity']))
    ).trim();
    const format = '{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
    const [pid = '', address = ''] = (await output(engine.command(['inspect', '--format', format, id])))
      .trim()
      .split(' ');
    return { prefix: ['nsenter', '-t', pid, '--net'], address };
  };
  const ports = PORTS.flatMap((port) => ['-p', port]);
  const [server, client] = [await run('server', ...ports), await run('client')];
  return [
    {
      name: `${engine.name} bridge`,
      client: client.prefix,
      server: server.prefix,
      address: server.address,
      ports: OWN,
    },
    {
      name: `${engine.name} published`,
      client: engine.outside,
      server: server.prefix,
      address: engine.address,
      ports: PUBLISHED,
    },
  ];
}

/** Of all rounds, by name. */
type Speeds = ReadonlyMap<string, readonly Speed[]>;

async function takeTurns(paths: readonly Path[]): Promise<Speeds> {
  const speeds = new Map<string, Speed[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const path of paths) speeds.set(path.name, [...(speeds.get(path.name) ?? []), await measure(path)]);
  }
  return speeds;
}

function print(title: string, speeds: Speeds, beside: string | undefined): void {
  console.log(title);
  for (const [name, all] of speeds) {
    const [gigabits, p50, p99] = (['gigabits', 'p50', 'p99'] as const).map((key) => median(all.map((one) => one[key])));
    const ratio = beside === undefined ? '' : `   ${(100 * ratioOf(speeds, name, beside, 'gigabits')).toFixed(0)} %`;
    console.log(
      `  ${name.padEnd(22)} ${fixed(gigabits, 2, 6)} Gbit/s   round trip p50 ${fixed(p50, 0, 4)} µs, p99 ${fixed(p99, 0, 4)} µs${ratio}`,
    );
  }
}

function fixed(value: number | undefined, digits: number, width: number): string {
  return (value ?? Number.NaN).toFixed(digits).padStart(width);
}

/** Median of the rounds' ratios. */
function ratioOf(speeds: Speeds, name: string, beside: string, key: keyof Speed): number {
  const others = speeds.get(beside) ?? [];
  return median((speeds.get(name) ?? []).map((speed, round) => speed[key] / (others[round]?.[key] ?? Number.NaN)));
}

async function timesOfSetUp(): Promise<void> {
  const { container: ofContainer, endpoints } = await setUpTimes();
  console.log(
    `a container's network ${ofContainer.toFixed(1)} ms, a service of 100 tasks changed ${endpoints.toFixed(1)} ms`,
  );
}

await timesOfSetUp();
await betweenHosts();
await onOneHost();
