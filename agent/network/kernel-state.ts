/** All that a host's kernel holds of what we put there, beside everybody else's: read in one go. */
import { linkPrefix } from './link-names.ts';
import { dumpAddresses, dumpAddresses6, type LinkAddress, parseAddress } from './netlink/address.ts';
import { dumpLinks, type Link, parseLink } from './netlink/link.ts';
import {
  dumpForwarding,
  dumpNeighbours,
  dumpNeighbours6,
  type Neighbour,
  parseNeighbour,
} from './netlink/neighbour.ts';
import { dumpRoutes, parseRoute, type Route } from './netlink/route.ts';
import { MAIN_TABLE } from './netlink/route-messages.ts';
import { dumpRoutes6, parseRoute6, type Route6 } from './netlink/route6.ts';
import { type Rule, readRules } from './netlink/rule.ts';
import type { NetlinkSocket } from './netlink/socket.ts';
import type { LinkFacts } from './overlay/overlay-state.ts';

export interface KernelState {
  /** Those of ours, by name. */
  readonly links: ReadonlyMap<string, Link>;
  readonly addresses: readonly LinkAddress[];
  /** Of all tables. */
  readonly routes: readonly Route[];
  readonly routes6: readonly Route6[];
  readonly rules: readonly Rule[];
  readonly neighbours: readonly Neighbour[];
  readonly forwarding: readonly Neighbour[];
}

export async function readKernelState(socket: NetlinkSocket, instance: string): Promise<KernelState> {
  const prefix = linkPrefix(instance);
  const links = (await socket.query(dumpLinks())).map(parseLink).filter(({ name }) => name.startsWith(prefix));
  const routes = (await socket.query(dumpRoutes())).flatMap((message) => parseRoute(message) ?? []);
  return {
    links: new Map(links.map((link) => [link.name, link])),
    addresses: [...(await socket.query(dumpAddresses())), ...(await socket.query(dumpAddresses6()))].flatMap(
      (message) => parseAddress(message) ?? [],
    ),
    routes,
    routes6: (await socket.query(dumpRoutes6())).flatMap((message) => parseRoute6(message) ?? []),
    rules: await readRules(socket),
    neighbours: [...(await socket.query(dumpNeighbours())), ...(await socket.query(dumpNeighbours6()))].flatMap(
      (message) => parseNeighbour(message) ?? [],
    ),
    forwarding: (await socket.query(dumpForwarding())).flatMap((message) => parseNeighbour(message) ?? []),
  };
}

/** What it says of single links. */
export function linkFacts({ routes, routes6, neighbours, forwarding }: KernelState): LinkFacts {
  return {
    routes: async (linkIndex) => routes.filter((route) => route.linkIndex === linkIndex && route.table === MAIN_TABLE),
    routes6: async (linkIndex) =>
      routes6.filter((route) => route.linkIndex === linkIndex && route.table === MAIN_TABLE),
    neighbours: async (linkIndex) => neighbours.filter((one) => one.linkIndex === linkIndex),
    forwarding: async (linkIndex) => forwarding.filter((one) => one.linkIndex === linkIndex),
  };
}
