/** Runs builds side by side, each after those that it is built from. */
import { Slots } from './slots.ts';

export interface BuildJob {
  readonly key: string;
  /** Keys of jobs that come before it in the list. */
  readonly needs: readonly string[];
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** The builder takes steps in turn by itself; contexts that are read and sent at once would only get into each other's way. */
const AT_ONCE = 4;

/** Rejects with the first failure, once those that were under way have been broken off. */
export async function runBuildJobs(jobs: readonly BuildJob[]): Promise<void> {
  const failed = new AbortController();
  const slots = new Slots(AT_ONCE);
  const running = new Map<string, Promise<void>>();
  const runJob = async ({ needs, run }: BuildJob): Promise<void> => {
    await Promise.all(needs.map((key) => running.get(key)));
    await slots.use(async () => {
      failed.signal.throwIfAborted();
      await run(failed.signal);
    });
  };
  for (const job of jobs) {
    const done = runJob(job);
    done.catch((error: unknown) => failed.abort(error));
    running.set(job.key, done);
  }
  await Promise.allSettled(running.values());
  failed.signal.throwIfAborted();
}
