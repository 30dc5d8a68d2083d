/**
 * An image's way onto a host, beside Docker on the same registry and the same image in the same run: pull with unpacking,
 * load, a build of 20 steps without and with its cache, the disk that it takes and the memory that the daemons take for it.
 * `--size MB`, `--files N`, `--layers N` and `--rounds N` for another image; `--only pull,load,build` for a part, `--alone` without Docker.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median } from '../statistics.ts';
import { type BenchEngines, openEngines } from './bench-engines.ts';
import { makeImage } from './bench-image.ts';
import { makeContext } from './build-context.ts';
import type { ImageEngine, Reading } from './image-engine.ts';
import { removingAlways } from './interrupts.ts';

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '1000' },
    files: { type: 'string', default: '40000' },
    layers: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: 'pull,load,build' },
    alone: { type: 'boolean', default: false },
  },
});
const only = options.only.split(',');
const ROUNDS = Number(options.rounds);
const MEGABYTE = 1_000_000;
const BUILT = 'bench-built:1';
/** Bounds of the memory that an image may take while it is on its way. */
const MEMORY_MIB = 200;
const print = (line: string) => process.stdout.write(`${line}\n`);

type Operation = 'pull' | 'load' | 'build, cold' | 'build, warm' | 'buildkit, cold' | 'buildkit, warm';
type Readings = Map<string, Reading[]>;

interface BenchFiles {
  readonly image: string;
  readonly archive: string;
  readonly context: string;
}

class ImagesBench {
  readonly #engines: readonly ImageEngine[];
  readonly #files: BenchFiles;
  readonly readings: Readings = new Map();
  /** By engine and operation. */
  readonly disk = new Map<string, number>();

  constructor(engines: readonly ImageEngine[], files: BenchFiles) {
    this.#engines = engines;
    this.#files = files;
  }

  async run(): Promise<void> {
    for (let round = 0; round < ROUNDS; round += 1) {
      // Who comes second finds the archive and the registry's files in memory.
      const order = round % 2 === 0 ? this.#engines : this.#engines.toReversed();
      if (only.includes('pull')) for (const engine of order) await this.#pull(engine);
      if (only.includes('load')) for (const engine of order) await this.#load(engine);
      if (only.includes('build')) for (const engine of order) await this.#build(engine);
    }
  }

  async #pull(engine: ImageEngine): Promise<void> {
    await this.#measure(engine, 'pull', ['pull', '-q', this.#files.image]);
    this.disk.set(`pull ${engine.name}`, await engine.diskBytes());
    await engine.clear();
  }

  async #load(engine: ImageEngine): Promise<void> {
    await this.#measure(engine, 'load', ['load', '-q', '-i', this.#files.archive]);
    this.disk.set(`load ${engine.name}`, await engine.diskBytes());
    await engine.clear();
  }

  async #build(engine: ImageEngine): Promise<void> {
    const { image, context } = this.#files;
    await engine.run(['pull', '-q', image]);
    const ways = engine.name === 'docker' ? (['build', 'buildkit'] as const) : (['build'] as const);
    for (const way of ways) {
      const env = { DOCKER_BUILDKIT: way === 'buildkit' ? '1' : '0' };
      await this.#measure(engine, `${way}, cold`, ['build', '-q', '--no-cache', '-t', BUILT, context], env);
      await this.#measure(engine, `${way}, warm`, ['build', '-q', '-t', BUILT, context], env);
    }
    this.disk.set(`build ${engine.name}`, await engine.diskBytes());
    await engine.clear();
  }

  async #measure(engine: ImageEngine, operation: Operation, args: readonly string[], env = {}): Promise<void> {
    const reading = await engine.measure(args, env);
    const key = `${operation} ${engine.name}`;
    this.readings.set(key, [...(this.readings.get(key) ?? []), reading]);
    print(`  ${key.padEnd(24)} ${seconds(reading.ms)}, on disk after ${seconds(reading.syncedMs)}`);
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function timesText(times: readonly number[]): string {
  return `${seconds(median(times))} (${(Math.min(...times) / 1000).toFixed(2)}–${(Math.max(...times) / 1000).toFixed(2)})`;
}

function printTimes(readings: Readings, what: 'ms' | 'syncedMs'): void {
  const of = (key: string) => (readings.get(key) ?? []).map((reading) => reading[what]);
  const rows: readonly (readonly [string, string, string])[] = [
    ['pull + unpack', 'pull gantry', 'pull docker'],
    ['load', 'load gantry', 'load docker'],
    ['build, cold', 'build, cold gantry', 'build, cold docker'],
    ['build, cold, BuildKit', 'build, cold gantry', 'buildkit, cold docker'],
    ['build, warm', 'build, warm gantry', 'build, warm docker'],
    ['build, warm, BuildKit', 'build, warm gantry', 'buildkit, warm docker'],
  ];
  for (const [name, ours, theirs] of rows) {
    if (of(ours).length === 0) continue;
    const ratio = (median(of(ours)) / median(of(theirs))).toFixed(2);
    const beside = of(theirs).length === 0 ? 'not measured' : `${timesText(of(theirs)).padEnd(26)} ${ratio}`;
    print(`${name.padEnd(24)} ${timesText(of(ours)).padEnd(26)} ${beside}`);
  }
}

function printResults({ readings, disk }: ImagesBench): void {
  print(`\n${'medians (least–most)'.padEnd(24)} ${'gantry'.padEnd(26)} ${'docker'.padEnd(26)} ratio`);
  printTimes(readings, 'ms');
  print('\nthe same, until all is on the disk (sync)');
  printTimes(readings, 'syncedMs');
  print('\ndisk used');
  for (const operation of only) {
    const [ours, theirs] = ['gantry', 'docker'].map((name) => disk.get(`${operation} ${name}`));
    if (ours === undefined) continue;
    const beside = theirs === undefined ? '' : `${megabytes(theirs).padEnd(26)} ${(ours / theirs).toFixed(2)}`;
    print(`${`after ${operation}`.padEnd(24)} ${megabytes(ours).padEnd(26)} ${beside}`);
  }
  print(`\nthe daemon's extra memory at its peak, MiB (gantryd's bound: ${MEMORY_MIB})`);
  for (const [key, list] of readings) {
    const peaks = list.map(({ memoryKb }) => memoryKb / 1024);
    print(`${key.padEnd(24)} ${median(peaks).toFixed(0)} (at most ${Math.max(...peaks).toFixed(0)})`);
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / MEGABYTE).toFixed(0)} MB`;
}

async function measureAll(directory: string, { gantry, docker, registry, copy }: BenchEngines): Promise<void> {
  const size = { layers: Number(options.layers), bytes: Number(options.size) * MEGABYTE, files: Number(options.files) };
  const layout = join(directory, 'layout');
  const made = await makeImage(layout, size);
  print(
    `image: ${size.layers} layers, ${size.files} files, ${megabytes(size.bytes)}; compressed ${megabytes(made.compressedBytes)}`,
  );
  const image = `${registry}/bench:1`;
  const archive = join(directory, 'bench.tar');
  await copy(made.layout, `docker://${image}`);
  await copy(made.layout, `docker-archive:${archive}:${image}`);
  await rm(layout, { recursive: true });
  const context = join(directory, 'context');
  if (only.includes('build')) await makeContext(context, image);
  if (docker === undefined) print('docker is not measured: install docker.io');
  const engines = docker === undefined || options.alone ? [gantry] : [gantry, docker];
  const bench = new ImagesBench(engines, { image, archive, context });
  await bench.run();
  printResults(bench);
}

const directory = await mkdtemp(join(tmpdir(), 'gantry-images-bench-'));
const made = new AsyncDisposableStack();
made.defer(() => rm(directory, { recursive: true, force: true }));
await removingAlways(
  async () => {
    const home = join(directory, 'home');
    await mkdir(home);
    await measureAll(directory, await openEngines(home, made));
  },
  () => made.disposeAsync(),
);
