/** An engine that brings images, loads and builds them, Gantry's or Docker's: both take the same commands. */
import { output } from '../../lab/command.ts';
import { until } from '../../lab/until.ts';
import { MemoryMeter } from './memory-meter.ts';

export interface EngineOptions {
  readonly name: string;
  /** A command line of its CLI. */
  readonly command: (args: readonly string[]) => string[];
  readonly env: Readonly<Record<string, string>>;
  /** Of its daemon. */
  readonly pid: number;
  readonly dataRoot: string;
  /** What was removed is gone from the disk. */
  readonly isSettled: (dataRoot: string) => Promise<boolean>;
}

export interface Reading {
  /** Of the command. */
  readonly ms: number;
  /** The same, and until all that has been written is on disk. */
  readonly syncedMs: number;
  /** The most that the daemon had beyond what it had when it was started. */
  readonly memoryKb: number;
}

const PATIENCE_MS = 900_000;

export class ImageEngine {
  readonly #options: EngineOptions;
  readonly #meter: MemoryMeter;
  readonly #idleKb: number;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#meter = new MemoryMeter(options.pid);
    this.#idleKb = this.#meter.nowKb();
  }

  get name(): string {
    return this.#options.name;
  }

  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const options = { env: { ...this.#options.env, ...env }, timeoutMs: PATIENCE_MS };
    return (await output(this.#options.command(args), options)).trim();
  }

  async measure(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Reading> {
    // What was written before is not to be waited for.
    await output(['sync'], { timeoutMs: PATIENCE_MS });
    const start = performance.now();
    let ms = 0;
    const peakKb = await this.#meter.peakKb(async () => {
      await this.run(args, env);
      ms = performance.now() - start;
    });
    await output(['sync'], { timeoutMs: PATIENCE_MS });
    return { ms, syncedMs: performance.now() - start, memoryKb: peakKb - this.#idleKb };
  }

  /** Of all that it keeps, as it takes place on the disk. */
  async diskBytes(): Promise<number> {
    const text = await output(['du', '-sx', '--block-size=1', this.#options.dataRoot], { timeoutMs: PATIENCE_MS });
    return Number.parseInt(text, 10);
  }

  /** Removes all images and what builds have left; when it resolves, they are gone from the disk. */
  async clear(): Promise<void> {
    await this.run(['builder', 'prune', '-a', '-f']);
    await this.run(['image', 'prune', '-a', '-f']);
    const { isSettled, dataRoot } = this.#options;
    await until('all that was removed to be gone', () => isSettled(dataRoot), PATIENCE_MS);
  }
}
