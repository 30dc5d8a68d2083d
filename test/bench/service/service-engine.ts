/** A cluster of one host that runs services, Gantry's or Docker's: both take the same commands. */
import { output } from '../../lab/command.ts';
import { until } from '../../lab/until.ts';

export interface ServiceTimes {
  /** From the command until the manager shows all replicas as running. */
  readonly shownMs: number;
  /** From the command to the start of the last container, by its own start time. */
  readonly startedMs: number;
}

const PATIENCE_MS = 180_000;

export class ServiceEngine {
  readonly #command: (args: readonly string[]) => string[];
  readonly #createFlags: readonly string[];

  /** `command`: a command line of its CLI. */
  constructor(command: (args: readonly string[]) => string[], createFlags: readonly string[] = []) {
    this.#command = command;
    this.#createFlags = createFlags;
  }

  create(name: string, replicas: number): Promise<ServiceTimes> {
    const flags = ['--name', name, '--replicas', String(replicas), '--stop-signal', 'SIGKILL', ...this.#createFlags];
    const argv = ['service', 'create', '-d', ...flags, 'busybox', 'sleep', '100000'];
    return this.#measure(argv, name, replicas);
  }

  scale(name: string, replicas: number): Promise<ServiceTimes> {
    return this.#measure(['service', 'scale', '-d', `${name}=${replicas}`], name, replicas);
  }

  /** Resolves when nothing is left of its containers. */
  async remove(name: string): Promise<void> {
    await this.#run(['service', 'rm', name]);
    await until('the containers to be gone', async () => (await this.#run(['ps', '-aq'])) === '', PATIENCE_MS);
  }

  /** Beside the daemons nothing else runs than a look at the number of replicas, again and again. */
  async #measure(argv: readonly string[], name: string, replicas: number): Promise<ServiceTimes> {
    const beginMs = Date.now();
    await this.#run(argv);
    const look = ['service', 'ls', '--filter', `name=${name}`, '--format', '{{.Replicas}}'];
    const all = `${replicas}/${replicas}`;
    await until(`${all} replicas`, async () => (await this.#run(look)) === all, PATIENCE_MS);
    const shownMs = Date.now() - beginMs;
    return { shownMs, startedMs: (await this.#lastStartMs()) - beginMs };
  }

  async #lastStartMs(): Promise<number> {
    const ids = (await this.#run(['ps', '-q', '--no-trunc'])).split('\n');
    const times = await this.#run(['inspect', '--format', '{{.State.StartedAt}}', ...ids]);
    return Math.max(...times.split('\n').map((time) => Date.parse(time)));
  }

  async #run(args: readonly string[]): Promise<string> {
    return (await output(this.#command(args))).trim();
  }
}
