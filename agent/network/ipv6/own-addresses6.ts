/**
 * The global IPv6 addresses of the host's own links, as they are now: other nodes must know what this one asks them from, and
 * an address comes with a router's advertisement, or from somebody's hand, at any time.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { HostLinks } from '../host-links.ts';
import { parseAddress, RTM_DELADDR, RTM_NEWADDR } from '../netlink/address.ts';
import { type EventsNative, NetlinkEvents, NLMSG_OVERRUN } from '../netlink/events.ts';
import type { Message } from '../netlink/message.ts';
import { NETLINK_ROUTE } from '../netlink/socket.ts';
import { SharedRun } from '../shared-run.ts';

/** RTNLGRP_IPV6_IFADDR, as a bit (linux/rtnetlink.h). */
const IPV6_ADDRESSES = 1 << 8;

export interface OwnAddresses6Parts {
  readonly native: EventsNative;
  readonly links: Pick<HostLinks, 'foreignAddresses6'>;
  readonly logger: Logger;
}

export class OwnAddresses6 {
  readonly #parts: OwnAddresses6Parts;
  readonly #listeners = new Set<() => void>();
  readonly #reading = new SharedRun(() => this.#read());
  #current: readonly string[] = [];
  #events: NetlinkEvents | undefined;
  #lastReading: Promise<void> = Promise.resolve();

  constructor(parts: OwnAddresses6Parts) {
    this.#parts = parts;
  }

  /** Sorted; empty before `start`. */
  get current(): readonly string[] {
    return this.#current;
  }

  /** `listener` is called after each change, until the returned function is. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async start(): Promise<void> {
    const { native, logger } = this.#parts;
    // Before they are read: what comes meanwhile is heard of.
    this.#events = await NetlinkEvents.open(
      native,
      { protocol: NETLINK_ROUTE, groups: IPV6_ADDRESSES, types: [RTM_NEWADDR, RTM_DELADDR] },
      (message) => {
        if (isRelevant(message)) this.#lastReading = this.#readAgain();
      },
      (cause) => logger.error({ err: cause }, "hears of no changes of this host's IPv6 addresses any more"),
    );
    await this.#reading.request();
  }

  /** Resolves when nothing is being read any more. */
  async close(): Promise<void> {
    this.#events?.close();
    await this.#lastReading;
  }

  async #readAgain(): Promise<void> {
    try {
      await this.#reading.request();
    } catch (error) {
      this.#parts.logger.error({ err: error }, "cannot read this host's IPv6 addresses");
    }
  }

  async #read(): Promise<void> {
    const all = await this.#parts.links.foreignAddresses6();
    const found = [...new Set(all.filter(isGlobal))].sort();
    if (isDeepStrictEqual(found, this.#current)) return;
    this.#current = found;
    for (const listener of this.#listeners) listener();
  }
}

/** Each link has one of its own, so that most news is of those. */
function isRelevant(message: Message): boolean {
  if (message.type === NLMSG_OVERRUN) return true;
  const address = parseAddress(message)?.address;
  return address !== undefined && isGlobal(address);
}

function isGlobal(address: string): boolean {
  return address !== '::1' && !address.startsWith('fe80:');
}
