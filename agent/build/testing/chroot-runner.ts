/** Runs steps with chroot(8): for tests of the builder, which are not about isolation. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Step, StepRunner } from '../step-runner.ts';

const SCRIPT = 'cd "$0" && exec "$@"';

export class ChrootRunner implements StepRunner {
  /** Commands that were run. */
  readonly ran: (readonly string[])[] = [];

  async run(
    { rootfs, argv, env, cwd }: Step,
    output: (data: Uint8Array) => void,
    signal: AbortSignal,
  ): Promise<number> {
    this.ran.push(argv);
    const pairs = env.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]);
    const child = spawn('/usr/sbin/chroot', [rootfs, '/bin/sh', '-c', SCRIPT, cwd, ...argv], {
      env: { PATH: '/bin:/usr/bin', ...Object.fromEntries(pairs) },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    child.stdout.on('data', output);
    child.stderr.on('data', output);
    const kill = () => void (child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'));
    signal.addEventListener('abort', kill);
    try {
      const [code] = await once(child, 'close');
      signal.throwIfAborted();
      return code ?? 137;
    } finally {
      signal.removeEventListener('abort', kill);
    }
  }

  async recover(): Promise<void> {}
}
