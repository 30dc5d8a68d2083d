/**
 * Garbage that a daemon's last busy hour has left. V8 collects when it needs room, so a daemon that has become quiet would
 * keep that memory for days, on a host where others could use it.
 */
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';

const LOOK_PERIOD_MS = 15_000;

export interface HeapLook {
  /** Of the time since the last look, how much the event loop was busy: 0 to 1. */
  readonly utilization: number;
  /** What JavaScript holds, garbage and buffers included, in bytes. */
  readonly usedBytes: number;
  /** Of it what lies in the heap itself, and so is looked through. */
  readonly heapBytes: number;
  /** The same right after the last collection; 0 before the first. */
  readonly keptBytes: number;
  /** This look and those before it that found it quiet after work; 0 when what that work left was collected. */
  readonly restLooks: number;
}

const QUIET = 0.1;
/** Rarely so much in a daemon that stays quiet: names are asked of it, too, and wait meanwhile. */
const WORTHWHILE_BYTES = 8 * 1024 * 1024;
/** Work has ended for a while: what it left is collected once, however little it seems. What was kept before may be garbage now. */
const SETTLED_LOOKS = 2;
/** A collection takes 2 to 3 ms for each MiB, in one turn. */
const LARGEST_BYTES = 64 * 1024 * 1024;

/** Whether to collect now: nobody waits meanwhile, and there is something to be had. Pure. */
export function isWorthCollecting({ utilization, usedBytes, heapBytes, keptBytes, restLooks }: HeapLook): boolean {
  if (utilization >= QUIET || heapBytes > LARGEST_BYTES) return false;
  return usedBytes >= keptBytes + WORTHWHILE_BYTES || restLooks >= SETTLED_LOOKS;
}

/** Looks now and then, as long as the process lives; it isn't kept alive by that. */
export function collectWhenQuiet(periodMs: number = LOOK_PERIOD_MS): { stop(): void } {
  const collect = collector();
  let last: EventLoopUtilization = performance.eventLoopUtilization();
  let keptBytes = 0;
  let restLooks: number | undefined = 0;
  const look = () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    if (utilization >= QUIET) restLooks = 0;
    else if (restLooks !== undefined) restLooks += 1;
    if (!isWorthCollecting({ utilization, ...held(), keptBytes, restLooks: restLooks ?? 0 })) return;
    collect();
    keptBytes = held().usedBytes;
    if (restLooks !== undefined && restLooks >= SETTLED_LOOKS) restLooks = undefined;
  };
  const timer = setInterval(look, periodMs).unref();
  return { stop: () => clearInterval(timer) };
}

/** V8 shows its own only where its flag is set as a context is made. 'last-resort' also gives pages back to the kernel. */
function collector(): () => void {
  v8.setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void;
  return () => gc({ type: 'major', flavor: 'last-resort' });
}

function held(): Pick<HeapLook, 'usedBytes' | 'heapBytes'> {
  const { used_heap_size: heapBytes, external_memory: buffers } = v8.getHeapStatistics();
  return { usedBytes: heapBytes + buffers, heapBytes };
}
