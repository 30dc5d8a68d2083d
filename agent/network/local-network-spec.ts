/** From what a user asks for to a network of this host alone. Pure. */
import { GantryError } from '../../proto/errors.ts';
import type { LocalNetworkSpec } from '../../proto/generated/gantry/v1/engine.ts';
import { parseSubnet6 } from '../../proto/ipv6/subnet6.ts';
import { uniqueLocalSubnet } from '../../proto/ipv6/unique-local.ts';
import { chooseSubnet } from './default-pools.ts';
import { chosenIpv6, givenIpv6, type Ipv6Record } from './ipv6/ipv6-record.ts';
import { findOverlap6 } from './ipv6/network-overlap6.ts';
import type { MacvlanRecord } from './macvlan/macvlan-record.ts';
import { planMacvlan, underlayOf } from './macvlan/macvlan-spec.ts';
import type { Link } from './netlink/link.ts';
import type { Route } from './netlink/route.ts';
import type { Route6 } from './netlink/route6.ts';
import { findOverlap } from './network-overlap.ts';
import {
  checkAddresses,
  checkMtu6,
  chooseMtu,
  DEFAULT_MTU,
  type NetworkRecord,
  ON_ONE_NODE,
} from './network-record.ts';
import {
  contains,
  covers,
  formatIpv4,
  formatSubnet,
  lastAddress,
  parseIpv4,
  parseSubnet,
  type Subnet,
} from './subnet.ts';

/** Names that mean something else where a network is named. */
const PREDEFINED: readonly string[] = ['bridge', 'host', 'none', 'default'];
/** A network needs its own address, a gateway, a container and the broadcast address. */
const LONGEST_PREFIX = 29;

export interface Surroundings {
  readonly networks: readonly NetworkRecord[];
  /** Of the host, without those through our own bridges. */
  readonly routes: readonly Route[];
  readonly links: readonly Link[];
  /** What the names of our links begin with. */
  readonly ownPrefix: string;
  readonly routes6: readonly Route6[];
  readonly id: string;
  readonly nowMs: number;
}

/** Throws INVALID_ARGUMENT, UNSUPPORTED, ALREADY_EXISTS, CONFLICT for a subnet that is taken, EXHAUSTED; `planMacvlan`'s. */
export function planLocalNetwork(spec: LocalNetworkSpec, surroundings: Surroundings): NetworkRecord {
  const { name } = spec;
  checkName(name, surroundings.networks);
  checkDriver(spec);
  const subnet = spec.subnet === '' ? freeSubnet(spec, surroundings) : chosenSubnet(name, spec.subnet);
  const macvlan = spec.driver === 'macvlan' ? planMacvlan(spec, surroundings) : undefined;
  const record: NetworkRecord = {
    id: surroundings.id,
    name,
    driver: macvlan === undefined ? 'bridge' : 'macvlan',
    // Without a parent it has no way out.
    internal: spec.internal || (macvlan !== undefined && macvlan.parent === undefined),
    cluster: false,
    subnet: formatSubnet(subnet),
    gateway: spec.gateway === '' ? formatIpv4(subnet.base + 1) : gatewayIn(name, subnet, spec.gateway),
    blocks: [formatSubnet(spec.ipRange === '' ? subnet : rangeIn(name, subnet, spec.ipRange))],
    mtu: macvlan === undefined ? chooseMtu(name, spec.driverOpts, ON_ONE_NODE) : mtuOn(macvlan, surroundings),
    createdAtMs: surroundings.nowMs,
    overlay: undefined,
    attachable: false,
    hasOwnSubnet: spec.subnet !== '',
    labels: spec.labels,
    driverOpts: spec.driverOpts,
    ...(macvlan === undefined ? {} : { macvlan }),
    ...(Object.keys(spec.auxAddresses).length === 0 ? {} : { auxAddresses: spec.auxAddresses }),
    ...(spec.enableIpv6 ? { ipv6: ipv6Of(spec, surroundings) } : refuseIpv6(spec)),
  };
  checkAddresses(record);
  checkAuxAddresses(record, subnet);
  checkMtu6(record);
  // The host's own LAN is what a macvlan network is for.
  const routes = macvlan === undefined ? surroundings.routes : [];
  const overlap =
    findOverlap(record, surroundings.networks, routes) ??
    findOverlap6(record, surroundings.networks, surroundings.routes6);
  if (overlap !== undefined) throw overlap;
  return record;
}

/** Throws WRONG_STATE for a network that is there whether or not anybody wants it. */
export function refusePredefined(name: string, what: string): void {
  if (!PREDEFINED.includes(name)) return;
  throw new GantryError('WRONG_STATE', `${what} is not permitted on the predefined network ${name}`, {
    hint: 'choose a network of your own',
  });
}

/** Throws INVALID_ARGUMENT, ALREADY_EXISTS, WRONG_STATE. */
export function checkName(name: string, networks: readonly NetworkRecord[]): void {
  refusePredefined(name, 'create');
  if (!/^[A-Za-z0-9][\w.-]*$/.test(name)) {
    throw new GantryError('INVALID_ARGUMENT', `"${name}" is no name for a network`, {
      hint: 'use letters, digits, "_", "." and "-", and begin with a letter or digit',
    });
  }
  const holder = networks.find((network) => network.name === name);
  if (holder === undefined) return;
  throw new GantryError('ALREADY_EXISTS', `network with name ${name} already exists`, {
    hint: `'gantry network inspect ${name}' shows it; choose another name, or remove that one`,
  });
}

const OTHER_DRIVERS: Readonly<Record<string, string>> = {
  overlay: "a manager makes it: run 'gantry network create -d overlay' there",
  host: "there is one, and it is there: 'gantry run --network host'",
  none: "there is one, and it is there: 'gantry run --network none'",
  null: "there is one, and it is there: 'gantry run --network none'",
  ipvlan: 'use macvlan: it takes -o parent=eth0 too, and gives each container a MAC address of its own',
};

function checkDriver({ name, driver, enableIpv6 }: LocalNetworkSpec): void {
  if (driver === 'macvlan' && enableIpv6) {
    throw new GantryError('UNSUPPORTED', `network ${name}: macvlan networks have no IPv6 yet`, {
      hint: 'make it without --ipv6, or as a bridge',
    });
  }
  if (driver === '' || driver === 'bridge' || driver === 'macvlan') return;
  throw new GantryError('UNSUPPORTED', `network ${name}: driver "${driver}" is not supported on this host alone`, {
    hint: OTHER_DRIVERS[driver] ?? 'use bridge or macvlan, or overlay in a cluster',
  });
}

function chosenSubnet(name: string, text: string): Subnet {
  const subnet = parseSubnet(text);
  const isWhole = text === formatSubnet(subnet);
  if (isWhole && subnet.prefixLength > 0 && subnet.prefixLength <= LONGEST_PREFIX) return subnet;
  throw new GantryError('INVALID_ARGUMENT', `network ${name}: invalid subnet "${text}"`, {
    hint: isWhole
      ? `use a prefix length from 1 to ${LONGEST_PREFIX}`
      : `write its first address: ${formatSubnet(subnet)}`,
  });
}

function freeSubnet(spec: LocalNetworkSpec, { networks, routes }: Surroundings): Subnet {
  const { name, gateway, ipRange, auxAddresses } = spec;
  if (gateway !== '' || ipRange !== '' || Object.keys(auxAddresses).length > 0) {
    throw new GantryError(
      'INVALID_ARGUMENT',
      `network ${name} has a gateway, range or address to keep free, but no subnet that it is in`,
      {
        hint: 'give its --subnet too',
      },
    );
  }
  const taken = [...routes.map((route) => route.destination), ...networks.map(({ subnet }) => parseSubnet(subnet))];
  const subnet = chooseSubnet(taken);
  if (subnet !== undefined) return subnet;
  throw new GantryError('EXHAUSTED', `no subnet of the default pools is left for network ${name}`, {
    hint: "give it one of its own with --subnet, or remove networks: 'gantry network prune'",
  });
}

/** Its IPv6 addresses: those that are asked for, or a /64 that is as good as nobody else's. */
function ipv6Of(spec: LocalNetworkSpec, { id, networks, routes6 }: Surroundings): Ipv6Record {
  const { name, ipv6Subnet, ipv6Gateway, ipv6Range } = spec;
  if (ipv6Subnet !== '') return chosenIpv6(name, { subnet: ipv6Subnet, gateway: ipv6Gateway, range: ipv6Range });
  if (ipv6Gateway !== '' || ipv6Range !== '') {
    throw new GantryError('INVALID_ARGUMENT', `network ${name} has an IPv6 gateway or range, but no subnet for it`, {
      hint: 'give its --subnet of IPv6 too',
    });
  }
  const others = networks.flatMap(({ ipv6 }) => (ipv6 === undefined ? [] : [parseSubnet6(ipv6.subnet)]));
  const subnet = uniqueLocalSubnet(id, [...routes6.map(({ destination }) => destination), ...others]);
  if (subnet !== undefined) return givenIpv6(subnet);
  throw new GantryError('EXHAUSTED', `no unique local IPv6 subnet is left for network ${name}`, {
    hint: 'give it one of its own with --subnet',
  });
}

function refuseIpv6({ name, ipv6Subnet, ipv6Gateway, ipv6Range }: LocalNetworkSpec): object {
  const given = [ipv6Subnet, ipv6Gateway, ipv6Range].find((value) => value !== '');
  if (given === undefined) return {};
  throw new GantryError('INVALID_ARGUMENT', `network ${name} has no IPv6, but ${given}`, { hint: 'give --ipv6 too' });
}

function gatewayIn(name: string, subnet: Subnet, text: string): string {
  const address = parseIpv4(text);
  const isInside = address !== undefined && contains(subnet, address);
  if (isInside && address !== subnet.base && address !== lastAddress(subnet)) return text;
  throw new GantryError(
    'INVALID_ARGUMENT',
    `network ${name}: gateway "${text}" is no address of ${formatSubnet(subnet)}`,
  );
}

function rangeIn(name: string, subnet: Subnet, text: string): Subnet {
  const range = parseSubnet(text);
  if (covers(subnet, range)) return range;
  throw new GantryError('INVALID_ARGUMENT', `network ${name}: range ${text} is not in ${formatSubnet(subnet)}`);
}

/** What its containers' links have: a parent passes on its own. */
function mtuOn(macvlan: MacvlanRecord, { links }: Surroundings): number {
  return underlayOf(macvlan, links)?.mtu ?? DEFAULT_MTU;
}

function checkAuxAddresses({ name, gateway, auxAddresses }: NetworkRecord, subnet: Subnet): void {
  for (const [holder, text] of Object.entries(auxAddresses ?? {})) {
    const address = parseIpv4(text);
    if (address !== undefined && contains(subnet, address) && text !== gateway) continue;
    const what = text === gateway ? 'is the gateway' : `is no address of ${formatSubnet(subnet)}`;
    throw new GantryError('INVALID_ARGUMENT', `network ${name}: address "${text}" to keep for "${holder}" ${what}`, {
      hint: text === gateway ? 'leave it out: no container gets it' : 'write --aux-address router=172.30.0.5',
    });
  }
}
