/** Three managers, h1 to h3, and five workers, h4 to h8, as a user has them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lab } from '../../lab/lab.ts';
import { formCluster } from '../../lab/lab-cluster.ts';
import type { PoweredHost } from '../../lab/powered-host.ts';
import { until } from '../../lab/until.ts';

const HOSTS = 8;
/** For a machine that does other things, too. */
const PATIENCE_MS = 60_000;

export interface ListedTask {
  readonly id: string;
  /** SERVICE.SLOT */
  readonly name: string;
  readonly node: string;
  readonly desired: string;
  readonly state: string;
  readonly error: string;
}

export class TestCluster {
  readonly lab: Lab;
  /** The manager that is asked. */
  asked: PoweredHost;

  private constructor(lab: Lab) {
    this.lab = lab;
    this.asked = lab.host('h1');
  }

  /** h4 has the engine label disk=ssd. */
  static async form(): Promise<TestCluster> {
    const cluster = new TestCluster(await Lab.create(await mkdtemp(join(tmpdir(), 'gantry-cluster-')), HOSTS));
    try {
      await cluster.host('h4').start(['--label', 'disk=ssd']);
      await formCluster(cluster.lab, () => undefined);
    } catch (error) {
      await cluster.destroy();
      throw error;
    }
    return cluster;
  }

  async destroy(): Promise<void> {
    await Lab.destroy(this.lab.directory);
    await rm(this.lab.directory, { recursive: true, force: true });
  }

  host(name: string): PoweredHost {
    return this.lab.host(name);
  }

  /** What a command that must succeed printed. */
  ok(...args: string[]): Promise<string> {
    return this.asked.ok(args);
  }

  /** One line of `node ls` for each host, by its name. */
  async nodes(template: string): Promise<Record<string, string>> {
    const lines = await this.asked.look(['node', 'ls', '--format', `{{.Hostname}} ${template}`]);
    return Object.fromEntries(lines.split('\n').map((line) => [line.split(' ')[0], line.replace(/^\S+ /, '')]));
  }

  /** A service of containers that sleep, and end when they are told to. Doesn't wait. */
  async sleepers(name: string, ...flags: string[]): Promise<void> {
    await this.ok('service', 'create', '--detach', '--init', '--name', name, ...flags, 'busybox', 'sleep', '1000');
  }

  async remove(...services: string[]): Promise<void> {
    await this.ok('service', 'rm', ...services);
  }

  /** All that there are, earlier ones too. */
  async tasks(...services: string[]): Promise<ListedTask[]> {
    const format = '{{.ID}}|{{.Name}}|{{.Node}}|{{.DesiredState}}|{{.CurrentState}}|{{.Error}}';
    const lines = (await this.asked.look(['service', 'ps', '--no-trunc', '--format', format, ...services])).split('\n');
    return lines
      .filter((line) => line !== '')
      .map((line) => {
        const [id = '', name = '', node = '', desired = '', current = '', error = ''] = line.split('|');
        return { id, name: name.replace(/^ *\\_ /, ''), node, desired, state: current.split(' ')[0] ?? '', error };
      });
  }

  /** Those that run, and are to. */
  async running(...services: string[]): Promise<ListedTask[]> {
    return (await this.tasks(...services)).filter(({ state, desired }) => state === 'Running' && desired === 'Running');
  }

  /** Hosts that a service's tasks run on, once for each: "h4 h4 h5". */
  async places(service: string): Promise<string> {
    return hostsOf(await this.running(service));
  }

  async untilPlaces(service: string, expected: string): Promise<void> {
    await this.until(`${service} to run on ${expected}`, async () => (await this.places(service)) === expected);
  }

  async until(what: string, check: () => Promise<boolean>): Promise<void> {
    await until(what, check, PATIENCE_MS);
  }
}

export function hostsOf(tasks: readonly ListedTask[]): string {
  return tasks
    .map(({ node }) => node)
    .toSorted((one, other) => one.localeCompare(other))
    .join(' ');
}
