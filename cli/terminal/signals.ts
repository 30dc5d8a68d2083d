/** Signals that reach the CLI while a container runs in its foreground. */

/**
 * As in docker: all that a process can handle and that don't concern the CLI's own terminal or children. SIGKILL and
 * SIGSTOP can't be caught, SIGCHLD, SIGPIPE, SIGURG and SIGWINCH are ours.
 */
const FORWARDED = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGCONT',
  'SIGTSTP',
  'SIGALRM',
] as const;

/** So many of SIGINT and SIGTERM mean: leave me alone. */
const FORCED_EXIT_COUNT = 3;

export interface SignalSource {
  on(event: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(event: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

/** Calls `forward` for each signal, and `force` at the third SIGINT or SIGTERM. Returns what ends it. */
export function forwardSignals(
  source: SignalSource,
  forward: (signal: NodeJS.Signals) => void,
  force: () => void,
): () => void {
  let terminations = 0;
  const listener = (signal: NodeJS.Signals) => {
    if (signal === 'SIGINT' || signal === 'SIGTERM') terminations += 1;
    if (terminations >= FORCED_EXIT_COUNT) force();
    else forward(signal);
  };
  for (const signal of FORWARDED) source.on(signal, listener);
  return () => {
    for (const signal of FORWARDED) source.off(signal, listener);
  };
}
