/** Several hosts on one wire: a bridge in a namespace of its own, with no way out of the machine. */
import { output, runCommand } from './command.ts';
import { Host } from './host.ts';

export class Lan {
  readonly hosts: Host[] = [];
  readonly #name: string;

  private constructor(name: string) {
    this.#name = name;
  }

  /** With `count` hosts, h1 to hN, which are not started yet. */
  static async create(name: string, count: number): Promise<Lan> {
    const lan = new Lan(`gl-${name}-${process.pid}-lan`);
    await output(['ip', 'netns', 'add', lan.#name]);
    await lan.#ip('link', 'add', 'lan', 'type', 'bridge');
    await lan.#ip('link', 'set', 'lan', 'up');
    for (let number = 1; number <= count; number += 1) await lan.#addHost(name, number);
    return lan;
  }

  /** Pulls the host's plug, or puts it in again. */
  async setConnected(host: Host, connected: boolean): Promise<void> {
    await this.#ip('link', 'set', this.#port(host), connected ? 'up' : 'down');
  }

  /** Everything down, all of it removed. */
  async destroy(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.destroy()));
    await runCommand(['ip', 'netns', 'del', this.#name]);
  }

  async #addHost(name: string, number: number): Promise<void> {
    const port = `port${number}`;
    const host = await Host.createOn(this.#name, port, `${name}-h${number}`, `10.99.0.${number}`);
    await this.#ip('link', 'set', port, 'master', 'lan', 'up');
    this.hosts.push(host);
  }

  #port(host: Host): string {
    return `port${this.hosts.indexOf(host) + 1}`;
  }

  #ip(...argv: string[]): Promise<string> {
    return output(['ip', '-n', this.#name, ...argv]);
  }
}
