/**
 * `npm run bench`: a short command in a container, beside Docker on the same image in the same run; and the memory
 * of the daemons and of each further container. Prints medians; asserts nothing.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { output } from '../lab/command.ts';
import { Host } from '../lab/host.ts';
import { exportBusybox, importBusybox } from '../lab/image.ts';
import { until } from '../lab/until.ts';
import { DockerPeer } from './docker-peer.ts';
import { median } from './statistics.ts';

const ROUNDS = 20;
/** Runs of one program in a row, before it is the other's turn. */
const BLOCK = 5;
const CONTAINERS = 20;
const print = (line: string) => process.stdout.write(`${line}\n`);

async function measureMs(argv: readonly string[]): Promise<number> {
  const start = performance.now();
  await output(argv);
  return performance.now() - start;
}

/** Kilobytes of a process that no other process shares, and its share of the rest. */
function memoryOf(pid: number): { privateKb: number; pssKb: number; rssKb: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return {
    privateKb: field('Private_Clean') + field('Private_Dirty'),
    pssKb: field('Pss'),
    rssKb: field('Rss'),
  };
}

function shimPids(host: Host): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return argv[1] === 'shim' && argv.some((word) => word.startsWith(host.directory));
      } catch {
        // It ended while we looked.
        return false;
      }
    });
}

/** The first of each block goes unmeasured: it warms the caches, and pays for what the other's daemon still clears up. */
async function measureBlock(argv: readonly string[]): Promise<number[]> {
  await output(argv);
  const times: number[] = [];
  while (times.length < BLOCK) times.push(await measureMs(argv));
  return times;
}

async function benchRun(host: Host, docker: DockerPeer | undefined): Promise<void> {
  const gantryRun = host.command(['run', '--rm', 'busybox', '/bin/true']);
  const dockerRun = docker?.command(['run', '--rm', 'busybox', '/bin/true']);
  const times = { gantry: [] as number[], docker: [] as number[], version: [] as number[] };
  for (let block = 0; block < ROUNDS / BLOCK; block += 1) {
    times.gantry.push(...(await measureBlock(gantryRun)));
    times.version.push(...(await measureBlock(host.command(['version']))));
    if (dockerRun !== undefined) times.docker.push(...(await measureBlock(dockerRun)));
  }
  const [ours, theirs] = [median(times.gantry), median(times.docker)];
  print(
    `run --rm busybox /bin/true   gantry ${ours.toFixed(0)} ms (the CLI alone, version: ${median(times.version).toFixed(0)} ms)`,
  );
  if (docker === undefined) print('  docker: not measured, install docker.io');
  else print(`  docker ${theirs.toFixed(0)} ms; ratio ${(ours / theirs).toFixed(2)}`);
}

async function benchMemory(host: Host): Promise<void> {
  const gantryd = memoryOf(host.pid('gantryd'));
  const manager = memoryOf(host.pid('manager'));
  print(
    `idle: gantryd ${mib(gantryd.rssKb)} RSS, ${mib(gantryd.pssKb)} PSS; manager ${mib(manager.rssKb)} RSS, ${mib(manager.pssKb)} PSS`,
  );
  for (let index = 0; index < CONTAINERS; index += 1) {
    await host.ok(['run', '-d', '--name', `idle-${index}`, 'busybox', 'sleep', '100000']);
  }
  const shims = shimPids(host).map(memoryOf);
  const after = memoryOf(host.pid('gantryd'));
  print(
    `per container: shim ${median(shims.map(({ privateKb }) => privateKb))} KiB private, ${median(shims.map(({ pssKb }) => pssKb))} KiB PSS`,
  );
  print(
    `  gantryd grew by ${((after.pssKb - gantryd.pssKb) / CONTAINERS).toFixed(0)} KiB PSS for each of ${CONTAINERS}`,
  );
}

interface Running {
  readonly id: string;
  readonly pid: number;
  readonly startedAtMs: number;
}

/** The one running container whose name contains `name`. */
async function runningContainer(host: Host, name: string): Promise<Running | undefined> {
  const id = await host.ok(['ps', '-q', '--no-trunc', '--filter', `name=${name}`]);
  if (!/^[0-9a-f]{64}$/.test(id)) return undefined;
  const text = await host.ok(['inspect', '--format', '{{.State.Pid}} {{.State.StartedAt}}', id]);
  const [pid, startedAt = ''] = text.split(' ');
  return { id, pid: Number(pid), startedAtMs: Date.parse(startedAt) };
}

/** From kill -9 of a task's process to the start of its replacement, by the container's own start time. */
async function benchReplacement(host: Host): Promise<void> {
  const file = join(host.directory, 'stack.yml');
  writeFileSync(file, 'services:\n  idle: {image: busybox, init: true, command: sleep 100000}\n');
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    // A stack of its own each time: a service that fails again and again waits longer each time.
    await host.ok(['stack', 'deploy', '-c', file, `round${round}`]);
    const victim = await until('the task', () => runningContainer(host, `round${round}_idle`));
    const killedAtMs = Date.now();
    process.kill(victim.pid, 'SIGKILL');
    const replacement = await until('the replacement', async () => {
      const found = await runningContainer(host, `round${round}_idle`);
      return found !== undefined && found.id !== victim.id ? found : undefined;
    });
    times.push(replacement.startedAtMs - killedAtMs);
    await host.ok(['stack', 'rm', `round${round}`]);
  }
  print(
    `kill -9 of a task's process → replacement started: ${median(times).toFixed(0)} ms, at most ${Math.max(...times).toFixed(0)} ms`,
  );
}

function mib(kilobytes: number): string {
  return `${(kilobytes / 1024).toFixed(1)} MiB`;
}

const host = await Host.create('bench');
let docker: DockerPeer | undefined;
try {
  await host.start();
  await host.ok(['cluster', 'init', '--advertise-addr', '10.99.0.1']);
  await importBusybox(host);
  docker = await DockerPeer.start();
  if (docker !== undefined) {
    const archive = join(tmpdir(), `gantry-bench-${process.pid}.tar`);
    await exportBusybox(archive);
    await output(docker.command(['import', archive, 'busybox']));
    await output(['rm', archive]);
  }
  await benchMemory(host);
  await host.ok(['rm', '-f', ...Array.from({ length: CONTAINERS }, (_, index) => `idle-${index}`)]);
  await benchRun(host, docker);
  await benchReplacement(host);
} finally {
  await docker?.stop();
  await host.destroy();
}
