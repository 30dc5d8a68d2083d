/** What macvlan networks of the cluster can be made of on this host: its links, and its config-only networks. */
import type { Logger } from 'pino';
import { ConfigNetworks } from '../config-networks.ts';
import type { HostLinks } from '../host-links.ts';
import type { NetworkModel } from '../model.ts';
import type { EventsNative } from '../netlink/events.ts';
import type { NetworkStore } from '../store.ts';
import { ParentWatch } from './parent-watch.ts';

export interface MacvlanHostParts {
  readonly instance: string;
  readonly native: EventsNative;
  readonly model: NetworkModel;
  readonly links: HostLinks;
  readonly store: NetworkStore;
  readonly logger: Logger;
}

export class MacvlanHost {
  readonly configs: ConfigNetworks;
  readonly #watch: ParentWatch;
  readonly #listeners = new Set<() => void>();

  constructor(parts: MacvlanHostParts) {
    const changed = () => {
      for (const listener of this.#listeners) listener();
    };
    this.configs = new ConfigNetworks({ ...parts, changed });
    this.#watch = new ParentWatch({ ...parts, changed });
  }

  /** Names of links that containers could be on. */
  get parents(): readonly string[] {
    return this.#watch.parents;
  }

  /** `listener` is called when either may be others, until the returned function is. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async start(): Promise<void> {
    await this.configs.load();
    await this.#watch.start();
  }

  close(): Promise<void> {
    return this.#watch.close();
  }
}
