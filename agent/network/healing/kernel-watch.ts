/** Hears from the kernel when somebody changes links, addresses, routes, rules, neighbours or nftables of the host. */
import type { Logger } from 'pino';
import type { Native } from '../../../native/addon/native.ts';
import { linkPrefix } from '../link-names.ts';
import { RTM_DELADDR } from '../netlink/address.ts';
import { NetlinkEvents } from '../netlink/events.ts';
import { dumpLinks, parseLink } from '../netlink/link.ts';
import { NEW_GENERATION, NFTABLES_GROUP } from '../netlink/nf-table.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE, type NetlinkSocket } from '../netlink/socket.ts';
import { Relevance, RTM_DELLINK, RTM_DELNEIGH, RTM_DELROUTE, RTM_DELRULE, RTM_NEWLINK } from './relevance.ts';

/** RTNLGRP_LINK, _NEIGH, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV6_IFADDR, _IPV6_ROUTE and _IPV6_RULE, as bits (linux/rtnetlink.h). */
const ROUTE_GROUPS = [1, 3, 5, 7, 8, 9, 11, 19].reduce((groups, group) => groups | (1 << (group - 1)), 0);
const ROUTE_TYPES = [RTM_NEWLINK, RTM_DELLINK, RTM_DELADDR, RTM_DELROUTE, RTM_DELNEIGH, RTM_DELRULE];

/** What may have changed. */
export type Change = 'links' | 'rules';

export interface KernelWatchParts {
  readonly instance: string;
  readonly native: Native;
  readonly logger: Logger;
  /** Whether a link of the host's owner is one that containers are on. */
  readonly isParent: (name: string) => boolean;
  readonly changed: (what: Change) => void;
}

export class KernelWatch {
  readonly #events: readonly NetlinkEvents[];

  private constructor(events: readonly NetlinkEvents[]) {
    this.#events = events;
  }

  /** `socket`: to ask for the links that are there already. */
  static async open(parts: KernelWatchParts, socket: NetlinkSocket): Promise<KernelWatch> {
    const { instance, native, logger, isParent, changed } = parts;
    const prefix = linkPrefix(instance);
    const relevance = new Relevance(prefix, isParent);
    const lost = (cause: Error) => logger.error({ err: cause }, 'hears of no changes by others any more');
    const links = await NetlinkEvents.open(
      native,
      { protocol: NETLINK_ROUTE, groups: ROUTE_GROUPS, types: ROUTE_TYPES },
      (message) => {
        if (relevance.isRelevant(message)) changed('links');
      },
      lost,
    );
    try {
      const known = (await socket.query(dumpLinks())).map(parseLink).filter(({ name }) => name.startsWith(prefix));
      relevance.add(known.map(({ index }) => index));
      const rules = await NetlinkEvents.open(
        native,
        { protocol: NETLINK_NETFILTER, groups: NFTABLES_GROUP, types: [NEW_GENERATION] },
        () => changed('rules'),
        lost,
      );
      return new KernelWatch([links, rules]);
    } catch (error) {
      links.close();
      throw error;
    }
  }

  close(): void {
    for (const events of this.#events) events.close();
  }
}
