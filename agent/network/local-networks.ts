/** Networks that users make on this host alone. A bridge is made when the first container comes. */
import { GantryError } from '../../proto/errors.ts';
import type { LocalNetworkSpec } from '../../proto/generated/gantry/v1/engine.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import { type ConfigNetworks, withConfig } from './config-networks.ts';
import type { HostLinks } from './host-links.ts';
import { requireIpv6Support } from './ipv6/forwarding6.ts';
import { checkName, planLocalNetwork, refusePredefined, type Surroundings } from './local-network-spec.ts';
import type { Parents } from './macvlan/parents.ts';
import type { NetworkModel } from './model.ts';
import type { Publishing } from './publishing.ts';
import type { SandboxBuilder } from './sandbox-builder.ts';
import type { NetworkStore } from './store.ts';

const ID_BYTES = 32;

export interface LocalNetworksParts {
  readonly model: NetworkModel;
  readonly store: NetworkStore;
  readonly links: HostLinks;
  readonly builder: SandboxBuilder;
  readonly parents: Parents;
  readonly configs: ConfigNetworks;
  readonly publishing: Publishing;
  /** What the names of our links begin with. */
  readonly ownPrefix: string;
  /** Switches on what the host needs to forward for its networks. */
  readonly enableForwarding: () => Promise<unknown>;
  readonly random: RandomBytes;
  /** Milliseconds since the Unix epoch. */
  readonly clock: () => number;
}

/** Its methods are called one at a time, and not while the cluster's networks change. */
export class LocalNetworks {
  readonly #parts: LocalNetworksParts;

  constructor(parts: LocalNetworksParts) {
    this.#parts = parts;
  }

  /** Returns its id. Throws as `planLocalNetwork` does, and then has made nothing. */
  async create(given: LocalNetworkSpec): Promise<string> {
    const { model, parents, configs } = this.#parts;
    if (given.enableIpv6) await requireIpv6Support();
    const surroundings = await this.#surroundings(given);
    checkName(given.name, [...surroundings.networks, ...configs.all]);
    if (given.configOnly) return configs.create(given, surroundings);
    const spec = withConfig(given, configs.all);
    const record = {
      ...planLocalNetwork(spec, surroundings),
      ...(spec.configFrom === '' ? {} : { configFrom: spec.configFrom }),
    };
    model.putNetwork(record);
    try {
      await this.#save();
      // After it is on disk: what a crash leaves is removed only when no network needs it.
      if (record.macvlan !== undefined) await parents.ensure(record, record.macvlan);
      await this.#parts.publishing.sync();
      await this.#parts.enableForwarding();
    } catch (error) {
      model.removeNetwork(record.id);
      await this.#save();
      await parents.removeUnneeded(model.networks.values());
      throw error;
    }
    return record.id;
  }

  /** Throws NOT_FOUND, AMBIGUOUS, IN_USE naming the containers, WRONG_STATE for one that isn't a user's. */
  async remove(reference: string): Promise<void> {
    const { model, builder, publishing, configs } = this.#parts;
    const config = configs.find(reference);
    if (config !== undefined) return configs.remove(config);
    const network = model.resolveNetwork(reference);
    refusePredefined(network.name, 'remove');
    if (network.cluster) {
      throw new GantryError('WRONG_STATE', `network ${network.name} is the cluster's`, {
        hint: "remove it on a manager: 'gantry network rm', or 'gantry stack rm' for one of a stack",
      });
    }
    if (model.addresses.isUsed(network.id)) {
      const names = model
        .endpointsOf(network)
        .map(({ containerName }) => containerName)
        .toSorted((a, b) => a.localeCompare(b, 'en'));
      throw new GantryError('IN_USE', `network ${network.name} has active endpoints: ${names.join(', ')}`, {
        hint: `stop those containers, or 'gantry network disconnect ${network.name} CONTAINER'`,
      });
    }
    // First, so that no container is set up on it meanwhile.
    model.removeNetwork(network.id);
    await this.#save();
    await builder.removeBridge(network.id);
    await this.#parts.parents.removeUnneeded(model.networks.values());
    await publishing.sync();
  }

  async #surroundings({ enableIpv6 }: LocalNetworkSpec): Promise<Surroundings> {
    const { model, links, ownPrefix, random, clock } = this.#parts;
    return {
      networks: [...model.networks.values()],
      routes: await links.foreignRoutes(),
      routes6: enableIpv6 ? await links.foreignRoutes6() : [],
      links: await links.links(),
      ownPrefix,
      id: random(ID_BYTES).toString('hex'),
      nowMs: clock(),
    };
  }

  #save(): Promise<void> {
    return this.#parts.store.writeNetworks([...this.#parts.model.networks.values()]);
  }
}
