/** The top-level networks. */
import { isIPv6 } from 'node:net';
import type { NetworkSpec } from '../../../proto/generated/gantry/v1/types.ts';
import { type ProjectContext, type Resource, STACK_LABEL } from './context.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';

export function convertNetwork(cursor: ModelCursor, context: ProjectContext): Resource<NetworkSpec> {
  return cursor.object({}, (fields) => {
    const fullName = fields.text('name');
    if (!fields.flag('external')) return { fullName, spec: readNetwork(fields, fullName, context) };
    readNetwork(fields, fullName, context);
    return { fullName, spec: undefined };
  });
}

function readNetwork(fields: Fields, name: string, context: ProjectContext): NetworkSpec {
  fields.get('enable_ipv4', (cursor) => {
    if (!cursor.boolean())
      throw cursor.problem('a network without IPv4 is not supported', 'remove it: "enable_ipv6: true" adds IPv6');
  });
  const ipam = fields.get('ipam', readIpam);
  return {
    annotations: { name, labels: { ...fields.textByKey('labels'), [STACK_LABEL]: context.model.name } },
    driver: fields.get('driver', readDriver) ?? 'overlay',
    configFrom: '',
    auxAddresses: ipam?.auxAddresses ?? {},
    driverOpts: fields.textByKey('driver_opts'),
    internal: fields.flag('internal'),
    attachable: fields.flag('attachable'),
    subnet: ipam?.subnet ?? '',
    gateway: ipam?.gateway ?? '',
    ipRange: ipam?.ipRange ?? '',
    enableIpv6: fields.flag('enable_ipv6'),
    ipv6Subnet: ipam?.ipv6Subnet ?? '',
    ipv6Gateway: ipam?.ipv6Gateway ?? '',
  };
}

function readDriver(cursor: ModelCursor): 'bridge' | 'overlay' | 'macvlan' {
  if (cursor.text() !== 'ipvlan') return cursor.oneOf(['bridge', 'overlay', 'macvlan']);
  throw cursor.problem(
    '"ipvlan" is not supported',
    'use macvlan: it takes driver_opts: { parent: eth0 } too, and gives each task a MAC address of its own',
  );
}

type Ipam = Pick<NetworkSpec, 'subnet' | 'gateway' | 'ipRange' | 'ipv6Subnet' | 'ipv6Gateway' | 'auxAddresses'>;

/** One pool of IPv4 and one of IPv6 at most, in either order. */
function readIpam(ipam: ModelCursor): Ipam {
  const pools = ipam.object({}, (fields) => {
    fields.get('driver', (cursor) => cursor.oneOf(['default']));
    fields.get('options', refuseOptions);
    return fields.get('config', (cursor) => cursor.items(readPool)) ?? [];
  });
  const [ipv4, ipv6] = [false, true].map((wanted) => pools.filter(({ isIpv6 }) => isIpv6 === wanted));
  if ((ipv4?.length ?? 0) > 1 || (ipv6?.length ?? 0) > 1) {
    throw ipam.problem('a network has one subnet of IPv4 and one of IPv6', 'keep one of each');
  }
  return {
    subnet: ipv4?.[0]?.subnet ?? '',
    gateway: ipv4?.[0]?.gateway ?? '',
    ipRange: ipv4?.[0]?.ipRange ?? '',
    auxAddresses: ipv4?.[0]?.auxAddresses ?? {},
    ipv6Subnet: ipv6?.[0]?.subnet ?? '',
    ipv6Gateway: ipv6?.[0]?.gateway ?? '',
  };
}

function refuseOptions(cursor: ModelCursor): void {
  for (const [, option] of cursor.valuesByKey()) {
    option.report('the driver has no options', 'remove it; "config" says which addresses there are');
  }
}

interface Pool {
  readonly isIpv6: boolean;
  readonly subnet: string;
  readonly gateway: string;
  readonly ipRange: string;
  readonly auxAddresses: Record<string, string>;
}

function readPool(item: ModelCursor): Pool {
  return item.object({}, (fields) => {
    const subnet = fields.get('subnet', readSubnet) ?? '';
    const gateway = fields.text('gateway');
    const isIpv6 = (subnet || gateway).includes(':');
    const readRange = (cursor: ModelCursor) => {
      if (!isIpv6) return readSubnet(cursor);
      throw cursor.problem(
        'addresses of IPv6 have no range of their own',
        'remove it: they go with those of IPv4, which can have one',
      );
    };
    const readAux = (cursor: ModelCursor) => {
      if (!isIpv6) return cursor.textByKey();
      throw cursor.problem(
        'addresses of IPv6 are not kept free by themselves',
        'keep those of IPv4 free that are as far from the beginning of their subnet',
      );
    };
    const auxAddresses = fields.get('aux_addresses', readAux) ?? {};
    return { isIpv6, subnet, gateway, ipRange: fields.get('ip_range', readRange) ?? '', auxAddresses };
  });
}

function readSubnet(cursor: ModelCursor): string {
  const text = cursor.text();
  // Its bits are the managers' to judge.
  const [address = '', length = ''] = text.split('/');
  if (isIPv6(address) && /^\d{1,3}$/.test(length) && Number(length) <= 128) return text;
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const valid = match?.slice(1, 5).every((byte) => Number(byte) < 256) === true && Number(match[5]) <= 30;
  if (!valid) throw cursor.problem(`"${text}" is not a subnet`, 'write it as 10.20.0.0/24, or fd00:1:2:3::/64');
  return text;
}
