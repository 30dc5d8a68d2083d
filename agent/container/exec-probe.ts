/** A healthcheck's probe: a command in the container, for which there is a time. */
import { runCommand } from './bounded-exec.ts';
import type { ContainerEntry } from './container-entry.ts';
import type { ContainerContext } from './context.ts';
import type { Probe } from './health-monitor.ts';

export function execProbe(context: ContainerContext, entry: ContainerEntry): Probe {
  return async (plan, signal) => {
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), plan.timeoutMs);
    const command = { argv: plan.argv, env: [], user: '', dir: '', privileged: false };
    try {
      const { code, output } = await runCommand(context, entry, command, AbortSignal.any([signal, over.signal]));
      if (over.signal.aborted) {
        return { healthy: false, output: `Health check exceeded timeout (${plan.timeoutMs} ms)` };
      }
      return { healthy: code === 0, output };
    } finally {
      clearTimeout(timer);
    }
  };
}
