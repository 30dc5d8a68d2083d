/** A few threads for {@link LayerJob}s, so that the agent's main loop stays free. Made when needed, ended when idle. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { GantryError } from '../../proto/errors.ts';
import { fromPlainError, type LayerJob, type LayerReply, type LayerResults } from './layer/jobs.ts';

/** More threads than this wait for the disk. */
const MAX_WORKERS = 4;
/** A thread costs some 10 MiB; starting one 30 ms. */
const IDLE_MS = 2_000;

interface Waiting {
  readonly job: LayerJob;
  readonly resolve: (result: LayerResults[LayerJob['kind']]) => void;
  readonly reject: (error: unknown) => void;
}

export class LayerWorkers {
  /** Whose worker is being ended. */
  readonly #abandoned = new Set<Waiting>();
  readonly #idle = new Map<Worker, NodeJS.Timeout>();
  readonly #busy = new Map<Worker, Waiting>();
  readonly #queue: Waiting[] = [];

  /** Throws CANCELLED when the signal aborts; nothing is done for the job any more then. */
  async run<J extends LayerJob>(job: J, signal?: AbortSignal): Promise<LayerResults[J['kind']]> {
    if (signal?.aborted) throw cancelled(signal);
    const { promise, resolve, reject } = Promise.withResolvers<LayerResults[J['kind']]>();
    // A worker answers with the result of the job's kind.
    const waiting: Waiting = { job, resolve: (result) => resolve(result as LayerResults[J['kind']]), reject };
    this.#queue.push(waiting);
    const leave = () => this.#abandon(waiting);
    signal?.addEventListener('abort', leave, { once: true });
    this.#dispatch();
    try {
      return await promise;
    } catch (error) {
      throw signal?.aborted ? cancelled(signal) : error;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  /** A thread can't be asked to stop in the middle of what it does: it is ended. */
  #abandon(waiting: Waiting): void {
    const position = this.#queue.indexOf(waiting);
    if (position !== -1) {
      this.#queue.splice(position, 1);
      waiting.reject(new GantryError('CANCELLED', 'cancelled'));
    }
    for (const [worker, busyWith] of this.#busy) {
      if (busyWith !== waiting) continue;
      this.#abandoned.add(waiting);
      void worker.terminate();
    }
  }

  /** Ends all threads; jobs that run are broken off. */
  async close(): Promise<void> {
    const workers = [...this.#idle.keys(), ...this.#busy.keys()];
    for (const timer of this.#idle.values()) clearTimeout(timer);
    this.#idle.clear();
    for (const { reject } of this.#queue.splice(0)) reject(new GantryError('CANCELLED', 'the image store is closing'));
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #dispatch(): void {
    const limit = Math.min(MAX_WORKERS, availableParallelism());
    while (this.#queue.length > 0 && this.#busy.size < limit) {
      const waiting = this.#queue.shift();
      if (waiting === undefined) return;
      const worker = this.#takeIdle() ?? this.#start();
      worker.ref();
      this.#busy.set(worker, waiting);
      worker.postMessage(waiting.job, waiting.job.kind === 'extract' ? [waiting.job.input] : []);
    }
  }

  #takeIdle(): Worker | undefined {
    const [worker, timer] = this.#idle.entries().next().value ?? [];
    if (worker !== undefined) this.#idle.delete(worker);
    clearTimeout(timer);
    return worker;
  }

  #start(): Worker {
    const worker = new Worker(workerFile());
    worker.on('message', (reply: LayerReply) => this.#settle(worker, reply));
    worker.on('error', (error) => this.#fail(worker, error));
    worker.on('exit', () => this.#fail(worker, new Error('the layer worker ended')));
    return worker;
  }

  #settle(worker: Worker, reply: LayerReply): void {
    const waiting = this.#busy.get(worker);
    // It is ending: its end is the answer.
    if (waiting !== undefined && this.#abandoned.has(waiting)) return;
    this.#busy.delete(worker);
    // An idle thread doesn't keep the process alive.
    worker.unref();
    this.#idle.set(worker, setTimeout(() => this.#retire(worker), IDLE_MS).unref());
    if (reply.ok) waiting?.resolve(reply.result);
    else waiting?.reject(fromPlainError(reply.error));
    this.#dispatch();
  }

  #retire(worker: Worker): void {
    this.#idle.delete(worker);
    void worker.terminate();
  }

  #fail(worker: Worker, cause: Error): void {
    clearTimeout(this.#idle.get(worker));
    this.#idle.delete(worker);
    const waiting = this.#busy.get(worker);
    this.#busy.delete(worker);
    if (waiting !== undefined) this.#abandoned.delete(waiting);
    waiting?.reject(new GantryError('INTERNAL', `a layer worker failed: ${cause.message}`, { cause }));
    this.#dispatch();
  }
}

function cancelled(signal: AbortSignal): GantryError {
  return new GantryError('CANCELLED', 'cancelled', { cause: signal.reason });
}

/** From the sources the worker's own file; in the bundle its entry point, which lies beside this code's chunk. */
function workerFile(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./layer-worker.${extension}`, import.meta.url);
}
