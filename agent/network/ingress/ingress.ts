/** The way between nodes for what comes to published ports: a VXLAN to all of them, and routes by mark; see marks.ts, ingress6.ts. */
import { readFile, writeFile } from 'node:fs/promises';
import { INGRESS_VNI } from '../../../proto/ingress-network.ts';
import type { HostLinks } from '../host-links.ts';
import { type KernelState, linkFacts } from '../kernel-state.ts';
import { describeVxlan } from '../link-faults.ts';
import { ingressName } from '../link-names.ts';
import { addAddress6 } from '../netlink/address.ts';
import type { VxlanSpec } from '../netlink/link.ts';
import type { Request } from '../netlink/message.ts';
import type { TableFamily } from '../netlink/nf-batch.ts';
import { deleteRoute, EVERYWHERE, type Route, type RouteSpec, setRoute } from '../netlink/route.ts';
import type { Route6 } from '../netlink/route6.ts';
import { addRule, deleteRule, type Rule } from '../netlink/rule.ts';
import { VXLAN_PORT } from '../network-record.ts';
import { linkState, nodeMac, type OverlayState, overlayChanges, overlayState } from '../overlay/overlay-state.ts';
import { parseSubnet } from '../subnet.ts';
import { ingressAddress6, routeChanges6 } from './ingress6.ts';
import { numberNodes, OURS_MASK, originOf, TOWARDS_NODES, towardsOrigin } from './marks.ts';

/** Before the main table, which is at 32766. */
const PRIORITY = 18_176;
const MAIN_TABLE_PRIORITY = 32_766;

/** Everything without a mark of ours goes on at once, however many nodes there are. */
function skip(family: TableFamily): Rule {
  const action = { kind: 'skip-without-mark', to: MAIN_TABLE_PRIORITY } as const;
  return { family, priority: PRIORITY, mark: TOWARDS_NODES, mask: OURS_MASK, action };
}

export interface IngressNode {
  readonly address: string;
  readonly mac: string;
  /** See marks.ts. */
  readonly number: number;
}

export interface IngressLinkSpec {
  readonly nodeAddress: string;
  readonly mtu: number;
  /** Addresses of the other nodes. */
  readonly others: readonly string[];
  /** Of which packets it carries. */
  readonly families: readonly TableFamily[];
}

export class Ingress {
  readonly #links: HostLinks;
  readonly link: string;
  #nodes: readonly IngressNode[] = [];
  #applied = '';
  #wanted: IngressLinkSpec | undefined;

  constructor(instance: string, links: HostLinks) {
    this.#links = links;
    this.link = ingressName(instance);
  }

  /** The other nodes that connections can be sent on to. */
  get nodes(): readonly IngressNode[] {
    return this.#nodes;
  }

  get isUp(): boolean {
    return this.#applied !== '';
  }

  async apply(spec: IngressLinkSpec): Promise<void> {
    const key = JSON.stringify(spec);
    if (this.#applied === key) return;
    this.#applied = '';
    this.#wanted = spec;
    await this.#bringInLine(spec);
    this.#applied = key;
  }

  /** What it is, but for the packets that it carries. No way, no change. */
  async carry(families: readonly TableFamily[]): Promise<void> {
    if (this.#wanted !== undefined) await this.apply({ ...this.#wanted, families });
  }

  /** Puts back what somebody else has taken away. Returns what that was, in words. */
  async repair(state: KernelState): Promise<string[]> {
    if (this.#wanted === undefined) return [];
    const missing = await this.#faults(this.#wanted, state);
    if (missing.length > 0) await this.#bringInLine(this.#wanted);
    return missing;
  }

  /** Also what an earlier agent has made. */
  async remove(): Promise<void> {
    this.#applied = '';
    this.#wanted = undefined;
    this.#nodes = [];
    const rules = (await this.#links.rules()).filter(({ mark, mask }) => isOurs(mark, mask));
    await this.#links.run(rules.map(deleteRule), GONE);
    await this.#links.deleteLinks([this.link]);
  }

  async #bringInLine(spec: IngressLinkSpec): Promise<void> {
    const linkIndex = await this.#links.ensureVxlan(this.#vxlan(spec));
    await this.#setSysctls();
    if (carriesIpv6(spec)) {
      await this.#links.allowIpv6(this.link);
      await this.#links.run([addAddress6({ ...this.#address6(spec), linkIndex, linkName: this.link })], []);
    } else {
      await this.#links.refuseIpv6(this.link);
    }
    const now = await linkState(this.#links, linkIndex);
    await this.#links.run(overlayChanges(linkIndex, now, neighboursOnly(spec)), GONE);
    const rules = await this.#links.rules();
    const routes = await this.#links.routesOfTables(linkIndex);
    const numbers = this.#number(routes, spec.others);
    const routes6 = await this.#links.routesOfTables6(linkIndex);
    const changes = routingChanges({ ...spec, rules, routes, routes6, numbers, linkIndex });
    await this.#links.run(changes, ['EEXIST', ...GONE]);
    this.#nodes = [...numbers].map(([address, number]) => ({ address, number, mac: nodeMac(address) }));
  }

  async #faults(spec: IngressLinkSpec, state: KernelState): Promise<string[]> {
    const vxlan = this.#vxlan(spec);
    const link = state.links.get(vxlan.name);
    const faults = describeVxlan(vxlan, link);
    if (link === undefined || faults.length > 0) return faults;
    const linkIndex = link.index;
    const routes = state.routes.filter((route) => route.linkIndex === linkIndex);
    const routes6 = state.routes6.filter((route) => route.linkIndex === linkIndex);
    const numbers = this.#number(routes, spec.others);
    const { address } = this.#address6(spec);
    const hasAddress = state.addresses.some((one) => one.linkIndex === linkIndex && one.address === address);
    return [
      ...(hasAddress || !carriesIpv6(spec) ? [] : [`address ${address} of link ${this.link}`]),
      ...[
        ...overlayChanges(linkIndex, await linkState(linkFacts(state), linkIndex), neighboursOnly(spec)),
        ...routingChanges({ ...spec, rules: state.rules, routes, routes6, numbers, linkIndex }),
      ].map(({ purpose }) => purpose),
    ];
  }

  /** Connections under way have the numbers that nodes have got: what this process knows, or else what the tables say. */
  #number(routes: readonly Route[], others: readonly string[]): ReadonlyMap<string, number> {
    const said = routes.flatMap(({ table, gateway }) => {
      const number = isOurs(table, OURS_MASK) ? originOf(table) : undefined;
      return number === undefined || gateway === undefined ? [] : [[gateway, number] as const];
    });
    const own = this.#nodes.map(({ address, number }) => [address, number] as const);
    return numberNodes(new Map([...said, ...own]), others);
  }

  #address6({ nodeAddress }: IngressLinkSpec): { readonly address: string; readonly prefixLength: number } {
    return { address: ingressAddress6(nodeAddress), prefixLength: 128 };
  }

  #vxlan({ nodeAddress, mtu }: IngressLinkSpec): VxlanSpec {
    return {
      name: this.link,
      alias: 'gantry published ports',
      mac: nodeMac(nodeAddress),
      mtu,
      vni: INGRESS_VNI,
      local: nodeAddress,
      port: VXLAN_PORT,
    };
  }

  /**
   * Clients' addresses arrive here that the host would send to elsewhere. And what a process of this host sends to a published
   * port of 127.0.0.1, or of another of its own addresses, leaves here, and its answers come back as from that address.
   */
  async #setSysctls(): Promise<void> {
    const forAll = (await readFile('/proc/sys/net/ipv4/conf/all/rp_filter', 'utf8')).trim();
    const directory = `/proc/sys/net/ipv4/conf/${this.link}`;
    await writeFile(`${directory}/rp_filter`, forAll === '0' ? '0' : '2');
    await writeFile(`${directory}/route_localnet`, '1');
    await writeFile(`${directory}/accept_local`, '1');
  }
}

const GONE = ['ENOENT', 'ESRCH'];

function isOurs(mark: number, mask: number): boolean {
  // Unsigned, as the kernel counts.
  return (mark & OURS_MASK) >>> 0 === TOWARDS_NODES && (mask & OURS_MASK) >>> 0 === OURS_MASK >>> 0;
}

function carriesIpv6({ families }: IngressLinkSpec): boolean {
  return families.includes('ip6');
}

interface Routing {
  readonly families: readonly TableFamily[];
  readonly rules: readonly Rule[];
  /** That go over the link. */
  readonly routes: readonly Route[];
  readonly routes6: readonly Route6[];
  readonly numbers: ReadonlyMap<string, number>;
  readonly linkIndex: number;
}

/** What leads from the rules and tables that there are to those that the nodes need. */
function routingChanges({ families, rules, routes, routes6, numbers, linkIndex }: Routing): Request[] {
  const tables = [TOWARDS_NODES, ...[...numbers.values()].map(towardsOrigin)];
  const wantedRules = families.flatMap((family) => [skip(family), ...tables.map((table) => lookup(family, table))]);
  const wantedRoutes = [...numbers].flatMap(([address, number]) => routesTo(address, number, linkIndex));
  const ours = routes.filter(({ table }) => isOurs(table, OURS_MASK));
  const [haveRules, wantRules] = [byText(rules.filter(({ mark, mask }) => isOurs(mark, mask))), byText(wantedRules)];
  const [haveRoutes, wantRoutes] = [new Set(ours.map(routeText)), new Set(wantedRoutes.map(routeText))];
  const stale = ours.filter((route) => !wantRoutes.has(routeText(route)));
  return [
    ...wantedRoutes.filter((route) => !haveRoutes.has(routeText(route))).map(setRoute),
    ...[...wantRules].filter(([text]) => !haveRules.has(text)).map(([, rule]) => addRule(rule)),
    ...[...haveRules].filter(([text]) => !wantRules.has(text)).map(([, rule]) => deleteRule(rule)),
    ...stale.map((route) => deleteRoute({ ...route, isGatewayOnLink: true, linkIndex })),
    ...routeChanges6(routes6, families.includes('ip6') ? numbers : new Map(), linkIndex),
  ];
}

function routeText({ table, destination, gateway }: Pick<RouteSpec, 'table' | 'destination' | 'gateway'>): string {
  return JSON.stringify([table, destination, gateway]);
}

/** And of IPv6 the addresses that they have on this link alone. */
function neighboursOnly(spec: IngressLinkSpec): OverlayState {
  const blocks = (nodeAddress: string) => (carriesIpv6(spec) ? [`${ingressAddress6(nodeAddress)}/128`] : []);
  return overlayState(spec.others.map((nodeAddress) => ({ nodeAddress, blocks: blocks(nodeAddress) })));
}

function lookup(family: TableFamily, table: number): Rule {
  return { family, priority: PRIORITY + 1, mark: table, mask: 0xffff_ffff, action: { kind: 'lookup', table } };
}

function routesTo(address: string, number: number, linkIndex: number): RouteSpec[] {
  const way = { gateway: address, isGatewayOnLink: true, linkIndex };
  return [
    { ...way, table: TOWARDS_NODES, destination: parseSubnet(`${address}/32`) },
    { ...way, table: towardsOrigin(number), destination: EVERYWHERE },
  ];
}

function byText(rules: readonly Rule[]): ReadonlyMap<string, Rule> {
  return new Map(
    rules.map((rule) => [JSON.stringify([rule.family, rule.priority, rule.mark, rule.mask >>> 0, rule.action]), rule]),
  );
}
