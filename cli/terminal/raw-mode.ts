/**
 * The user's terminal as a plain wire: every key goes to the container, and its output is shown as it comes.
 *
 * Node's own raw mode leaves output processing on (libuv sets ONLCR): a bare line feed, which full-screen programs
 * use to move down, would also move to the first column. So stty does it; Node's mode is for where there is none.
 */
import { execFileSync } from 'node:child_process';
import type { ReadStream } from 'node:tty';

/** Returns what gives the terminal back as it was. */
export function enterRawMode(stdin: ReadStream): () => void {
  const saved = stty('-g');
  if (saved === undefined || stty('raw', '-echo') === undefined) {
    stdin.setRawMode(true);
    return () => stdin.setRawMode(false);
  }
  let restored = false;
  const restore = () => {
    if (!restored) stty(saved);
    restored = true;
  };
  // Also when something throws past the caller: a shell on a raw terminal is hard to use.
  process.once('exit', restore);
  return () => {
    restore();
    process.off('exit', restore);
  };
}

/** stty's output; undefined when it can't be run or refuses. */
function stty(...args: string[]): string | undefined {
  try {
    return execFileSync('stty', args, { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' }).trim();
  } catch {
    // The caller has another way.
    return undefined;
  }
}
