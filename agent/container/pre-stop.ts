/**
 * What runs in a container before it is told to stop. It may take the container's grace period; what fails is logged and no
 * reason to let the container run on, as it would be with Compose, whose user could do something about it.
 */
import type { Logger } from 'pino';
import type { Hook } from '../../proto/generated/gantry/v1/types.ts';
import type { Run } from './container-entry.ts';
import type { CommandResult } from './containers.ts';

export interface PreStop {
  readonly hooks: readonly Hook[];
  readonly run: Run;
  /** Negative: as long as it takes. */
  readonly graceMs: number;
  readonly runHook: (hook: Hook, signal: AbortSignal) => Promise<CommandResult>;
  readonly logger: Logger;
}

/** Returns when all have run, the container has ended, or its time is over. Never rejects. */
export async function runPreStop({ hooks, run, graceMs, runHook, logger }: PreStop): Promise<void> {
  if (hooks.length === 0 || graceMs === 0) return;
  const over = new AbortController();
  const timer = graceMs < 0 ? undefined : setTimeout(() => over.abort(), graceMs);
  void run.ended.promise.then(() => over.abort());
  try {
    for (const [index, hook] of hooks.entries()) {
      if (over.signal.aborted) return;
      await runLogged(index, () => runHook(hook, over.signal), logger);
    }
  } finally {
    clearTimeout(timer);
  }
}

async function runLogged(index: number, run: () => Promise<CommandResult>, logger: Logger): Promise<void> {
  try {
    const { code, output } = await run();
    if (code !== 0) logger.warn({ hook: index + 1, code, output }, 'pre_stop hook of a container failed');
  } catch (error) {
    logger.warn({ hook: index + 1, err: error }, 'pre_stop hook of a container could not be run');
  }
}
