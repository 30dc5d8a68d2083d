/** Runs many seeds on several threads: each gets a batch, and the next one when it is done with that. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Finding } from './run.ts';
import { addTally, type Tally } from './tally.ts';

export interface Batch {
  readonly first: number;
  readonly last: number;
}

export interface BatchResult {
  readonly seeds: number;
  readonly steps: number;
  readonly tally: Tally;
  readonly findings: readonly Finding[];
}

export interface WorkerOptions {
  readonly nodes: number | undefined;
  /** Name of the defect that the core shall have. */
  readonly defect: string | undefined;
}

export interface PoolOptions extends WorkerOptions {
  readonly workers: number;
  readonly firstSeed: number;
  /** Seeds to run at most. */
  readonly seeds: number;
  readonly onFinding?: (finding: Finding) => void;
  /** Asked before each batch. */
  readonly goOn: (soFar: BatchResult) => boolean;
}

const BATCH_SEEDS = 25;

export async function runPool(options: PoolOptions): Promise<BatchResult> {
  const pool = new Pool(options);
  await Promise.all(Array.from({ length: options.workers }, () => pool.runWorker()));
  return pool.total;
}

class Pool {
  readonly #options: PoolOptions;
  readonly #tally: Tally = new Map();
  #findings: readonly Finding[] = [];
  #seeds = 0;
  #steps = 0;
  #nextSeed: number;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#nextSeed = options.firstSeed;
  }

  /** Findings by seed. */
  get total(): BatchResult {
    const findings = this.#findings.toSorted((one, other) => one.seed - other.seed);
    return { seeds: this.#seeds, steps: this.#steps, tally: this.#tally, findings };
  }

  async runWorker(): Promise<void> {
    const { nodes, defect } = this.#options;
    const workerData: WorkerOptions = { nodes, defect };
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData });
    try {
      for (let batch = this.#takeBatch(); batch !== undefined; batch = this.#takeBatch()) {
        this.#add(await runOn(worker, batch));
      }
    } finally {
      await worker.terminate();
    }
  }

  #takeBatch(): Batch | undefined {
    const { firstSeed, seeds, goOn } = this.#options;
    const first = this.#nextSeed;
    const last = Math.min(first + BATCH_SEEDS, firstSeed + seeds) - 1;
    if (first > last || !goOn(this.total)) return undefined;
    this.#nextSeed = last + 1;
    return { first, last };
  }

  #add({ seeds, steps, tally, findings }: BatchResult): void {
    this.#seeds += seeds;
    this.#steps += steps;
    this.#findings = [...this.#findings, ...findings];
    for (const finding of findings) this.#options.onFinding?.(finding);
    addTally(this.#tally, tally);
  }
}

/** Rejects when the thread fails or ends. */
async function runOn(worker: Worker, batch: Batch): Promise<BatchResult> {
  const over = new AbortController();
  const { signal } = over;
  const ended = once(worker, 'exit', { signal }).then(([code]) => {
    throw new Error(`a thread of the simulation ended with ${code} in seeds ${batch.first} to ${batch.last}`);
  });
  const answered = once(worker, 'message', { signal }) as Promise<[BatchResult]>;
  try {
    worker.postMessage(batch);
    const [result] = await Promise.race([answered, ended]);
    return result;
  } finally {
    over.abort();
  }
}
