/** Keeps up with which links of the host containers could be on: managers place tasks by that. */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { HealLoop } from '../healing/heal-loop.ts';
import { nameOf, RTM_DELLINK, RTM_NEWLINK } from '../healing/relevance.ts';
import type { HostLinks } from '../host-links.ts';
import { linkPrefix } from '../link-names.ts';
import { RTM_DELADDR, RTM_NEWADDR } from '../netlink/address.ts';
import { type EventsNative, NetlinkEvents } from '../netlink/events.ts';
import type { Message } from '../netlink/message.ts';
import { NETLINK_ROUTE } from '../netlink/socket.ts';
import { possibleParents } from './possible-parents.ts';

/** RTNLGRP_LINK and RTNLGRP_IPV4_IFADDR, as bits (linux/rtnetlink.h). */
const GROUPS = (1 << 0) | (1 << 4);
const TYPES = [RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR];

export interface ParentWatchParts {
  readonly instance: string;
  readonly native: EventsNative;
  readonly links: Pick<HostLinks, 'links' | 'linkAddresses'>;
  readonly logger: Logger;
  /** They are others than before. */
  readonly changed: () => void;
}

export class ParentWatch {
  readonly #parts: ParentWatchParts;
  readonly #loop = new HealLoop(() => this.#look());
  #events: NetlinkEvents | undefined;
  #parents: readonly string[] = [];

  constructor(parts: ParentWatchParts) {
    this.#parts = parts;
  }

  /** Names, sorted; none before `start`. */
  get parents(): readonly string[] {
    return this.#parents;
  }

  async start(): Promise<void> {
    const { native, logger } = this.#parts;
    this.#events = await NetlinkEvents.open(
      native,
      { protocol: NETLINK_ROUTE, groups: GROUPS, types: TYPES },
      (message) => this.#hear(message),
      (cause) => logger.error({ err: cause }, 'hears of no new links any more'),
    );
    this.#parents = await this.#read();
    this.#loop.start();
  }

  async close(): Promise<void> {
    this.#events?.close();
    this.#events = undefined;
    await this.#loop.close();
  }

  /** Links of our own containers come and go all the time, and are never among them. */
  #hear({ type, payload }: Message): void {
    const isLink = type === RTM_NEWLINK || type === RTM_DELLINK;
    if (isLink && nameOf(payload).startsWith(linkPrefix(this.#parts.instance))) return;
    this.#loop.request();
  }

  /** Never throws. */
  async #look(): Promise<boolean> {
    try {
      const parents = await this.#read();
      if (isDeepStrictEqual(parents, this.#parents)) return true;
      this.#parents = parents;
      this.#parts.changed();
      return true;
    } catch (error) {
      this.#parts.logger.warn({ err: error }, 'cannot list the links of this host; will try again');
      return false;
    }
  }

  async #read(): Promise<readonly string[]> {
    const { instance, links } = this.#parts;
    return possibleParents(await links.links(), await links.linkAddresses(), linkPrefix(instance));
  }
}
