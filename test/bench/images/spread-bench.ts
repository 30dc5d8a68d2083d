/**
 * One image wanted by 10 nodes at once: a service that runs on each. How much of it the registry has sent, by the counter of
 * its link, and when all have it. `--size MB`, `--files N` and `--nodes N` for something else than 500 MB on 10.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { output } from '../../lab/command.ts';
import { DockerRegistry, REGISTRY_LOGIN } from '../../lab/docker-registry.ts';
import type { Host } from '../../lab/host.ts';
import { joinHosts } from '../../lab/join-hosts.ts';
import { Lan } from '../../lab/lan.ts';
import { makeImage } from './bench-image.ts';
import { removingAlways } from './interrupts.ts';
import { copyImage } from './skopeo.ts';

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '500' },
    files: { type: 'string', default: '10000' },
    nodes: { type: 'string', default: '10' },
  },
});
const NODES = Number(options.nodes);
const MEGABYTE = 1_000_000;
const PATIENCE_MS = 900_000;
const print = (line: string) => process.stdout.write(`${line}\n`);

interface LinkCounters {
  readonly stats64: { readonly tx: { readonly bytes: number } };
}

/** What a host has sent to all others. */
async function sentBytes(host: Host): Promise<number> {
  const text = await output(['ip', '-n', host.name, '-s', '-j', 'link', 'show', 'uplink']);
  const [link] = JSON.parse(text) as readonly LinkCounters[];
  return link?.stats64.tx.bytes ?? Number.NaN;
}

async function startCluster(hosts: readonly Host[], registry: DockerRegistry): Promise<void> {
  await Promise.all(hosts.map((host) => host.start(['--registry-certs', registry.certificates])));
  await joinHosts(hosts, 1);
}

async function measure(directory: string, lan: Lan, registry: DockerRegistry, origin: Host): Promise<void> {
  const hosts = lan.hosts.filter((host) => host !== origin);
  const [first] = hosts;
  if (first === undefined) throw new Error('no hosts');
  const size = { layers: 10, bytes: Number(options.size) * MEGABYTE, files: Number(options.files) };
  const layout = join(directory, 'layout');
  const { layout: made, compressedBytes } = await makeImage(layout, size);
  const image = `${registry.host}/bench:1`;
  await copyImage(registry, (argv) => origin.inside(argv), made, `docker://${image}`);
  await rm(layout, { recursive: true });
  await startCluster(hosts, registry);
  const env = { HOME: join(directory, 'home') };
  await first.ok(['login', '-u', REGISTRY_LOGIN.username, '--password-stdin', registry.host], {
    env,
    stdin: REGISTRY_LOGIN.password,
  });
  const sent = await Promise.all(lan.hosts.map(sentBytes));
  const start = performance.now();
  const create = ['service', 'create', '-q', '--name', 'spread', '--mode', 'global', '--with-registry-auth'];
  await first.ok([...create, image, 'sleep', '100000'], { env, timeoutMs: PATIENCE_MS });
  const seconds = (performance.now() - start) / 1000;
  const counted = await Promise.all(lan.hosts.map(sentBytes));
  print(
    `image: ${size.files} files, ${megabytes(size.bytes)}; compressed ${megabytes(compressedBytes)}; wanted by ${hosts.length} nodes at once`,
  );
  print(`until it ran on all of them: ${seconds.toFixed(1)} s`);
  for (const [index, host] of lan.hosts.entries()) {
    const bytes = (counted[index] ?? Number.NaN) - (sent[index] ?? Number.NaN);
    const name = host === origin ? 'registry' : `node ${index + 1}`;
    print(`${name.padEnd(10)} sent ${megabytes(bytes)}: ${(bytes / compressedBytes).toFixed(2)} of the image`);
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / MEGABYTE).toFixed(0)} MB`;
}

const directory = await mkdtemp(join(tmpdir(), 'gantry-spread-bench-'));
const made = new AsyncDisposableStack();
made.defer(() => rm(directory, { recursive: true, force: true }));
await removingAlways(
  async () => {
    await mkdir(join(directory, 'home'));
    const lan = await Lan.create('spread', NODES + 1);
    made.defer(() => lan.destroy());
    const origin = lan.hosts.at(-1) as Host;
    const registry = await DockerRegistry.start(origin.address, (argv) => origin.inside(argv));
    made.defer(() => registry.destroy());
    await measure(directory, lan, registry, origin);
  },
  () => made.disposeAsync(),
);
