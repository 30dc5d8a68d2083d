/**
 * Config-only networks: what a macvlan network is made of on this host. Links and addresses of the LAN differ from host to
 * host, so a network of the cluster may leave them to each one's own config-only network of a certain name.
 */
import { GantryError } from '../../proto/errors.ts';
import type { LocalNetworkSpec } from '../../proto/generated/gantry/v1/engine.ts';
import { NetworkConfig } from '../../proto/generated/gantry/v1/types.ts';
import { checkName, planLocalNetwork, type Surroundings } from './local-network-spec.ts';
import type { NetworkModel } from './model.ts';
import type { NetworkRecord } from './network-record.ts';
import type { NetworkStore } from './store.ts';

export interface ConfigNetworksParts {
  readonly model: NetworkModel;
  readonly store: Pick<NetworkStore, 'readConfigs' | 'writeConfigs'>;
  /** They are others than before. */
  readonly changed: () => void;
}

/** Its methods are called one at a time, and not while other networks change. */
export class ConfigNetworks {
  readonly #parts: ConfigNetworksParts;
  #all: readonly NetworkRecord[] = [];

  constructor(parts: ConfigNetworksParts) {
    this.#parts = parts;
  }

  get all(): readonly NetworkRecord[] {
    return this.#all;
  }

  async load(): Promise<void> {
    this.#all = await this.#parts.store.readConfigs();
  }

  /** What managers are told of them. */
  describe(): NetworkConfig[] {
    return this.#all.map(({ name, subnet, gateway, blocks: [range = subnet], driverOpts }) =>
      NetworkConfig.fromPartial({ name, subnet, gateway, ipRange: range === subnet ? '' : range, driverOpts }),
    );
  }

  /** By id, name, or the beginning of an id; undefined: there is none. */
  find(reference: string): NetworkRecord | undefined {
    const exact = this.#all.find(({ id, name }) => id === reference || name === reference);
    const begun = reference === '' ? [] : this.#all.filter(({ id }) => id.startsWith(reference));
    return exact ?? (begun.length === 1 ? begun[0] : undefined);
  }

  /** Returns its id. Throws as `planConfigNetwork` does, and then has made nothing. */
  async create(spec: LocalNetworkSpec, surroundings: Surroundings): Promise<string> {
    const record = planConfigNetwork(spec, surroundings);
    await this.#become([...this.#all, record]);
    return record.id;
  }

  /** Throws IN_USE naming the networks that are made of it. */
  async remove({ id, name }: NetworkRecord): Promise<void> {
    const users = [...this.#parts.model.networks.values()].filter(({ configFrom }) => configFrom === name);
    if (users.length > 0) {
      const names = users.map((network) => network.name).toSorted((a, b) => a.localeCompare(b, 'en'));
      throw new GantryError('IN_USE', `config-only network ${name} is used by ${names.join(', ')}`, {
        hint: 'remove what is made of it first',
      });
    }
    await this.#become(this.#all.filter((record) => record.id !== id));
  }

  async #become(records: readonly NetworkRecord[]): Promise<void> {
    await this.#parts.store.writeConfigs(records);
    this.#all = records;
    this.#parts.changed();
  }
}

/** Throws as `planLocalNetwork`, and INVALID_ARGUMENT for what a config-only network can't say. */
export function planConfigNetwork(spec: LocalNetworkSpec, surroundings: Surroundings): NetworkRecord {
  const { name, driver, internal, subnet } = spec;
  const { parent }: { readonly parent?: string } = spec.driverOpts;
  checkName(name, surroundings.networks);
  const refused = (what: string, hint: string) =>
    new GantryError('INVALID_ARGUMENT', `config-only network ${name} ${what}`, { hint });
  if (driver !== '' || internal) {
    throw refused(`has ${internal ? '--internal' : 'a driver'}`, 'say that where a network is made --config-from it');
  }
  if (subnet === '') throw refused('has no subnet', "give it the LAN's: --subnet 192.168.1.0/24");
  if (parent === undefined) throw refused('has no parent', "name this host's link: -o parent=eth0");
  // That others are on the link, and have its subnet, is what it is for.
  const planned = planLocalNetwork({ ...spec, driver: 'macvlan' }, { ...surroundings, networks: [] });
  // As Docker calls it.
  return { ...planned, driver: 'null', configOnly: true };
}

/** What is asked for, with the addresses and options of the config. Throws NOT_FOUND, INVALID_ARGUMENT. */
export function withConfig(spec: LocalNetworkSpec, configs: readonly NetworkRecord[]): LocalNetworkSpec {
  const { name, configFrom } = spec;
  if (configFrom === '') return spec;
  const config = configs.find((one) => one.name === configFrom);
  if (config === undefined) {
    throw new GantryError('NOT_FOUND', `network ${name}: there is no config-only network ${configFrom} on this host`, {
      hint: "'gantry network ls' lists those that there are; make it with 'gantry network create --config-only'",
    });
  }
  const { subnet, gateway, ipRange, driverOpts, auxAddresses } = spec;
  const given = [subnet, gateway, ipRange, ...Object.keys(driverOpts), ...Object.keys(auxAddresses)];
  const [own] = given.filter((value) => value !== '');
  if (own !== undefined || spec.driver !== 'macvlan') {
    const what = own === undefined ? `driver "${spec.driver}"` : own;
    throw new GantryError('INVALID_ARGUMENT', `network ${name}: ${what} doesn't go with config ${configFrom}`, {
      hint: 'write -d macvlan --config-from NAME, and neither addresses nor options: they are in the config',
    });
  }
  const [range = config.subnet] = config.blocks;
  return {
    ...spec,
    subnet: config.subnet,
    gateway: config.gateway,
    ipRange: range === config.subnet ? '' : range,
    driverOpts: { ...config.driverOpts },
    auxAddresses: { ...config.auxAddresses },
  };
}
