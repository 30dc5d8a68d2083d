/** Several hosts on one wire, which last as long as the test. */
import { Bridge } from './bridge.ts';
import { Host } from './host.ts';

export class Lan {
  readonly hosts: Host[] = [];
  readonly #bridge: Bridge;

  private constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  /** With `count` hosts, h1 to hN, which are not started yet. */
  static async create(name: string, count: number): Promise<Lan> {
    const lan = new Lan(await Bridge.create(`gl-${name}-${process.pid}-lan`));
    for (let number = 1; number <= count; number += 1) await lan.#addHost(name, number);
    return lan;
  }

  /** Pulls the host's plug, or puts it in again. */
  async setConnected(host: Host, connected: boolean): Promise<void> {
    await this.#bridge.setConnected(this.#port(host), connected);
  }

  /** What one host sends to the other is lost from here on; both go on with everybody else. */
  async cut(from: Host, to: Host): Promise<void> {
    await this.#bridge.cut({ from: this.#port(from), to: this.#port(to) });
  }

  /** The opposite; no error when nothing was cut. */
  async heal(from: Host, to: Host): Promise<void> {
    await this.#bridge.heal({ from: this.#port(from), to: this.#port(to) });
  }

  /** Everything down, all of it removed. */
  async destroy(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.destroy()));
    await this.#bridge.destroy();
  }

  async #addHost(name: string, number: number): Promise<void> {
    const port = `port${number}`;
    const host = await Host.createOn(this.#bridge.namespace, port, `${name}-h${number}`, `10.99.0.${number}`);
    await this.#bridge.plug(port);
    this.hosts.push(host);
  }

  #port(host: Host): string {
    return `port${this.hosts.indexOf(host) + 1}`;
  }
}
