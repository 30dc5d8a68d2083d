/** A healthcheck's probe: an exec whose output is kept, up to a bound. */
import type { ContainerEntry } from './container-entry.ts';
import type { ContainerContext } from './context.ts';
import { type ExecProcess, startExec } from './exec.ts';
import type { Probe } from './health-monitor.ts';
import { SIGKILL } from './signals.ts';

/** As Docker keeps. */
const MAXIMUM_OUTPUT_BYTES = 4096;

export function execProbe(context: ContainerContext, entry: ContainerEntry): Probe {
  return async (plan, signal) => {
    const process = startExec(context, entry, {
      reference: entry.id,
      argv: [...plan.argv],
      env: [],
      user: '',
      dir: '',
      tty: false,
      stdin: false,
      privileged: false,
      detach: false,
      size: undefined,
    });
    const limit = new Limit(process, plan.timeoutMs, signal);
    const output = boundedOutput(process);
    try {
      const code = await process.exited;
      if (limit.exceeded) return { healthy: false, output: `Health check exceeded timeout (${plan.timeoutMs} ms)` };
      return { healthy: code === 0, output: output().toString() };
    } finally {
      limit.clear();
    }
  };
}

/** Kills the process when its time is over, or when nobody wants to know any more. */
class Limit {
  exceeded: boolean = false;
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal;
  readonly #kill: () => void;

  constructor(process: ExecProcess, timeoutMs: number, signal: AbortSignal) {
    this.#kill = () => process.signal(SIGKILL);
    this.#signal = signal;
    signal.addEventListener('abort', this.#kill, { once: true });
    this.#timer = setTimeout(() => {
      this.exceeded = true;
      this.#kill();
    }, timeoutMs);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.#kill);
  }
}

/** Both streams as they come, the first bytes of them; the rest is read and dropped, so that the process can go on. */
function boundedOutput(process: ExecProcess): () => Buffer {
  let kept = Buffer.alloc(0);
  const keep = (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk.subarray(0, MAXIMUM_OUTPUT_BYTES - kept.length)]);
  };
  process.stdout.on('data', keep);
  process.stderr.on('data', keep);
  return () => kept;
}
