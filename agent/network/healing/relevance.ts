/** Which of the kernel's news may mean that something of ours is missing. Pure, but for the links it has been told of. */
import { RTM_DELADDR } from '../netlink/address.ts';
import { parseAttributes, readString, readU32 } from '../netlink/attributes.ts';
import { NLMSG_OVERRUN } from '../netlink/events.ts';
import type { Message } from '../netlink/message.ts';

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_DELROUTE = 25;
export const RTM_DELNEIGH = 29;
export const RTM_DELRULE = 33;

const IFLA_IFNAME = 3;
const RTA_OIF = 4;
const IFF_UP = 0x1;
/** In ifi_change: of a link that is new. */
const EVERYTHING = 0xffff_ffff;
const LINK_HEADER_BYTES = 16;
const ROUTE_HEADER_BYTES = 12;

/** Links of ours are known by their names; all else by the link that it is on. */
export class Relevance {
  readonly #prefix: string;
  readonly #isParent: (name: string) => boolean;
  readonly #ours = new Set<number>();

  /** `prefix`: what the names of our links begin with. `isParent`: whether macvlan networks are on a link. */
  constructor(prefix: string, isParent: (name: string) => boolean) {
    this.#prefix = prefix;
    this.#isParent = isParent;
  }

  isRelevant(message: Message): boolean {
    const { type, payload } = message;
    switch (type) {
      case NLMSG_OVERRUN:
      // Few hosts have rules, and they hardly ever change.
      case RTM_DELRULE:
        return true;
      case RTM_NEWLINK:
        if (this.#isOurs(payload)) return this.#isSwitchedOff(payload);
        // Also one that comes back: what was on it went with it.
        return this.#isParent(nameOf(payload)) && (this.#isSwitchedOff(payload) || isNew(payload));
      case RTM_DELLINK:
        return this.#isOurs(payload) || this.#isParent(nameOf(payload));
      case RTM_DELADDR:
      case RTM_DELNEIGH:
        return this.#ours.has(payload.readInt32LE(4));
      case RTM_DELROUTE:
        return this.#ours.has(readU32(parseAttributes(payload.subarray(ROUTE_HEADER_BYTES)), RTA_OIF) ?? 0);
      default:
        return false;
    }
  }

  /** Links of ours that are there already. */
  add(indexes: Iterable<number>): void {
    for (const index of indexes) this.#ours.add(index);
  }

  #isOurs(payload: Buffer): boolean {
    if (!nameOf(payload).startsWith(this.#prefix)) return false;
    this.#ours.add(payload.readInt32LE(4));
    return true;
  }

  #isSwitchedOff(payload: Buffer): boolean {
    const change = payload.readUInt32LE(12);
    return change !== EVERYTHING && (change & IFF_UP) !== 0 && (payload.readUInt32LE(8) & IFF_UP) === 0;
  }
}

function isNew(payload: Buffer): boolean {
  return payload.readUInt32LE(12) === EVERYTHING;
}

/** Of a link that there is news of; empty where it isn't said. */
export function nameOf(payload: Buffer): string {
  const name = parseAttributes(payload.subarray(LINK_HEADER_BYTES)).get(IFLA_IFNAME);
  return name === undefined ? '' : readString(name);
}
