/** Containers' interfaces on links of the host: made in the container's namespace at once, so that the host has no end of them. */
import { GantryError, toGantryError } from '../../../proto/errors.ts';
import type { HostLinks } from '../host-links.ts';
import { vethName } from '../link-names.ts';
import type { NetworkModel } from '../model.ts';
import type { Namespaces } from '../namespaces.ts';
import { createMacvlan } from '../netlink/stacked-link.ts';
import type { NetworkRecord } from '../network-record.ts';
import { type Attachment, interfaceName, macAddressOf } from '../sandbox-record.ts';
import type { MacvlanRecord } from './macvlan-record.ts';
import type { Parents } from './parents.ts';

export interface MacvlanLinksParts {
  readonly instance: string;
  readonly model: NetworkModel;
  readonly links: HostLinks;
  readonly namespaces: Namespaces;
  readonly parents: Parents;
}

export class MacvlanLinks {
  readonly #parts: MacvlanLinksParts;

  constructor(parts: MacvlanLinksParts) {
    this.#parts = parts;
  }

  /** Throws NOT_FOUND when the parent has gone, HOST when the kernel won't have another link on it. */
  async plugIn(containerId: string, interfaces: readonly (readonly [number, Attachment])[]): Promise<void> {
    for (const [number, attachment] of interfaces) {
      const { macvlan } = attachment;
      if (macvlan !== undefined) await this.#plugInOne(containerId, number, attachment, macvlan);
    }
  }

  /** Those of its interfaces that are there: N of ethN. None is missing in a namespace that is no more. */
  async present(containerId: string, interfaces: readonly (readonly [number, Attachment])[]): Promise<number[]> {
    if (!(await this.#parts.namespaces.isPinned(containerId))) return interfaces.map(([number]) => number);
    const names = new Set((await this.#parts.namespaces.links(containerId)).map(({ name }) => name));
    return interfaces.filter((one) => names.has(interfaceName(...one))).map(([number]) => number);
  }

  /** Resolves when they are gone: a parent in mode passthru takes no other before. */
  async unplug(containerId: string, interfaces: readonly (readonly [number, Attachment])[]): Promise<void> {
    if (interfaces.length === 0 || !(await this.#parts.namespaces.isPinned(containerId))) return;
    const names = interfaces.map((one) => interfaceName(...one));
    await this.#parts.namespaces.deleteLinks(containerId, names);
  }

  /** All that are in the container's namespace, also those that nobody has a record of. */
  async unplugAll(containerId: string): Promise<void> {
    const { model, namespaces } = this.#parts;
    const isUsed = [...model.networks.values()].some(({ macvlan }) => macvlan !== undefined);
    if (!isUsed || !(await namespaces.isPinned(containerId))) return;
    const macvlans = (await namespaces.links(containerId)).filter(({ kind }) => kind === 'macvlan');
    await namespaces.deleteLinks(
      containerId,
      macvlans.map(({ name }) => name),
    );
  }

  async #plugInOne(containerId: string, number: number, attachment: Attachment, macvlan: MacvlanRecord): Promise<void> {
    const { instance, model, links, namespaces, parents } = this.#parts;
    const network = model.findNetwork(attachment.networkId);
    const parent = await parents.ensure(network, macvlan);
    // Older kernels (6.1) look for the name among the host's links too, which may have an eth0 of their own.
    const [name, first] = [interfaceName(number, attachment), vethName(instance, containerId, number)];
    const create = async () => {
      await namespaces.withFile(containerId, (netnsFd) => {
        const mac = macAddressOf(attachment) || undefined;
        return links.run([createMacvlan({ name: first, mac, mode: macvlan.mode, parent, netnsFd })], []);
      });
      await namespaces.renameLink(containerId, first, name);
    };
    try {
      await create();
    } catch (error) {
      if (!isExisting(error)) throw cannotPlugIn(network, error);
      // From an attempt that was cut short.
      await namespaces.deleteLinks(containerId, [first, name]);
      await create();
    }
  }
}

function cannotPlugIn({ name, macvlan }: NetworkRecord, cause: unknown): GantryError {
  const { message } = toGantryError(cause);
  return new GantryError('HOST', `network ${name}: the kernel refuses a macvlan on ${macvlan?.parent}: ${message}`, {
    hint: 'check that nothing else has the link: a bridge, a bond, an ipvlan, or a macvlan in mode passthru',
    cause,
  });
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}
