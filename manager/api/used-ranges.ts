/**
 * Which addresses the nodes' hosts use, as they have said. To ask all of a thousand nodes at each deploy would keep the
 * leader busy with little else, so what one has said counts for a while; should its host have changed meanwhile, it says so
 * when it is given the network.
 */
import { type Cidr, overlap, parseCidr } from '../allocator/cidr.ts';
import type { NetworkObject } from '../store/network.ts';

/** So few are asked each time. */
const SMALL_CLUSTER = 20;
const VALID_MS_PER_NODE = 60;
const LONGEST_VALID_MS = 60_000;

interface Said {
  readonly ranges: readonly Cidr[];
  readonly untilMs: number;
}

export class UsedRanges {
  readonly #said = new Map<string, Said>();

  /** `nodes`: how many there are to ask. The more, the longer it counts. */
  heard(nodeId: string, ranges: readonly string[], nowMs: number, nodes: number): void {
    const validMs = nodes <= SMALL_CLUSTER ? 0 : Math.min(nodes * VALID_MS_PER_NODE, LONGEST_VALID_MS);
    this.#said.set(nodeId, { ranges: ranges.flatMap((range) => parseCidr(range) ?? []), untilMs: nowMs + validMs });
  }

  /**
   * Whether the networks can be on that node for sure, without asking it: nothing there overlaps them, and they have no
   * options (such as an MTU) nor IPv6, of which a host may have to say more.
   */
  leaveRoomFor(nodeId: string, networks: readonly NetworkObject[], nowMs: number): boolean {
    const said = this.#said.get(nodeId);
    if (said === undefined || said.untilMs <= nowMs) {
      this.#said.delete(nodeId);
      return false;
    }
    return networks.every(({ spec, subnet, ipv6Subnet }) => {
      const wanted = parseCidr(subnet);
      if (wanted === undefined || ipv6Subnet !== '' || Object.keys(spec.driverOpts).length > 0) return false;
      return !said.ranges.some((range) => overlap(range, wanted));
    });
  }
}
