/**
 * Links of the host that macvlan networks are on. Those of its owner are used as they are. VLANs that are missing are made,
 * and bear our mark so that only ours are removed; a network without a parent gets a pair of links of its own, of which
 * the far end leads nowhere.
 */
import { GantryError } from '../../../proto/errors.ts';
import { vlanOf } from '../../../proto/macvlan-options.ts';
import type { HostLinks } from '../host-links.ts';
import { isPrivateParent, privateParentNames } from '../link-names.ts';
import { disableLinkLocal, type Link, setLinkAlias, setLinkUp } from '../netlink/link.ts';
import { createVlan } from '../netlink/stacked-link.ts';
import type { NetworkRecord } from '../network-record.ts';
import { type MacvlanRecord, parentName, vlanAlias } from './macvlan-record.ts';

const NO_IPV6 = 'EAFNOSUPPORT';

export class Parents {
  readonly #instance: string;
  readonly #links: HostLinks;

  constructor(instance: string, links: HostLinks) {
    this.#instance = instance;
    this.#links = links;
  }

  /** Makes or finds the network's parent, up where it is ours. Returns its index. Throws NOT_FOUND, HOST. */
  async ensure(network: NetworkRecord, macvlan: MacvlanRecord): Promise<number> {
    const name = parentName(this.#instance, network.id, macvlan);
    const known = await this.#find(name);
    if (known !== undefined && (known.up || !this.#isOurs(known))) return known.index;
    if (macvlan.parent === undefined) await this.#makePair(network);
    else await this.#makeVlan(network.name, macvlan.parent);
    const made = await this.#find(name);
    if (made === undefined) throw new GantryError('HOST', `link ${name} of network ${network.name} went as it came`);
    return made.index;
  }

  /** Puts back what somebody has taken away or switched off. Returns what that was, in words. Throws as `ensure`. */
  async repair(network: NetworkRecord, macvlan: MacvlanRecord): Promise<string[]> {
    const name = parentName(this.#instance, network.id, macvlan);
    const known = await this.#find(name);
    if (known !== undefined && (known.up || !this.#isOurs(known))) return [];
    await this.ensure(network, macvlan);
    return [known === undefined ? `link ${name}` : `link ${name} up`];
  }

  /** Deletes what was made for networks other than these. Of the owner's links none. */
  async removeUnneeded(networks: Iterable<NetworkRecord>): Promise<void> {
    const needed = new Set(
      [...networks].flatMap(({ id, macvlan }) => {
        if (macvlan === undefined) return [];
        return macvlan.parent === undefined ? privateParentNames(this.#instance, id) : [macvlan.parent];
      }),
    );
    const links = await this.#links.links();
    const unneeded = links.filter((link) => this.#isOurs(link) && !needed.has(link.name));
    await this.#links.deleteLinks(unneeded.map(({ name }) => name));
  }

  async #makePair({ id, name }: NetworkRecord): Promise<void> {
    const [near, far] = privateParentNames(this.#instance, id);
    const spec = { name: near, peer: far, alias: `gantry network ${name}` };
    await this.#links.ensurePair(spec);
  }

  async #makeVlan(network: string, name: string): Promise<void> {
    const vlan = vlanOf(name);
    const link = vlan === undefined ? undefined : await this.#find(vlan.link);
    if (vlan === undefined || link === undefined) {
      throw new GantryError('NOT_FOUND', `network ${network}: its link ${vlan?.link ?? name} is not on this host`, {
        hint: "bring it back, or remove the network: 'gantry network rm'",
      });
    }
    // In one system call, so that no crash leaves a VLAN without its mark.
    const make = [createVlan({ name, link: link.index, id: vlan.id }), setLinkAlias(name, vlanAlias(this.#instance))];
    try {
      await this.#links.run([...make, disableLinkLocal(name), setLinkUp(name)], ['EEXIST', NO_IPV6]);
    } catch (cause) {
      await this.#removeIfOurs(name);
      throw new GantryError('HOST', `network ${network}: cannot make VLAN ${name} on this host`, {
        hint: `check that ${vlan.link} is up ('ip link set ${vlan.link} up') and that the kernel has VLANs ('modprobe 8021q')`,
        cause,
      });
    }
  }

  async #removeIfOurs(name: string): Promise<void> {
    const link = await this.#find(name);
    if (link !== undefined && this.#isOurs(link)) await this.#links.deleteLinks([name]);
  }

  /** A bridge or a container's link is ours too, but nobody's parent. */
  #isOurs({ name, alias, kind }: Link): boolean {
    return (kind === 'vlan' && alias === vlanAlias(this.#instance)) || isPrivateParent(this.#instance, name);
  }

  async #find(name: string): Promise<Link | undefined> {
    return (await this.#links.links()).find((link) => link.name === name);
  }
}
