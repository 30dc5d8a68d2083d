/** Which networks a service is on, and how; or that of its hosts, or none. */
import type { NetworkAttachmentConfig } from '../../../proto/generated/gantry/v1/types.ts';
import { isLinkLocal } from '../../../proto/link-local.ts';
import type { ServiceContext } from './context.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';
import { readNetworkMode } from './network-mode.ts';

/** The name of the interface in the container, which Compose also has a key for. */
const IFNAME = 'com.docker.network.endpoint.ifname';

/** `networks`, `network_mode` and `mac_address` of a service. The service's name is an alias on each network. */
export function convertAttachments(fields: Fields, context: ServiceContext): NetworkAttachmentConfig[] {
  const mode = fields.get('network_mode', readNetworkMode);
  const mac = fields.get('mac_address', (cursor) => cursor.text());
  const ranked = fields.get('networks', (cursor) => readNetworks(cursor, context)) ?? [];
  // The first one that isn't internal leads outside, and the first one is eth0; toSorted() keeps the order of equals.
  const attachments = ranked.toSorted(byRank).map(({ attachment }) => attachment);
  const all = mode === undefined ? attachments : [{ target: mode, aliases: [] }];
  const [first, ...others] = all;
  return mac === undefined || first === undefined ? all : [{ ...first, mac: first.mac ?? mac }, ...others];
}

interface Ranked {
  readonly attachment: NetworkAttachmentConfig;
  readonly gatewayPriority: number;
  readonly priority: number;
}

function byRank(a: Ranked, b: Ranked): number {
  return b.gatewayPriority - a.gatewayPriority || b.priority - a.priority;
}

function readNetworks(cursor: ModelCursor, context: ServiceContext): Ranked[] {
  return cursor.entries().flatMap(([network, attachment]): Ranked[] => {
    const said = attachment.value === null ? undefined : attachment.attempt(readAttachment);
    const resource = context.networks.get(network);
    // What isn't defined was told of when the model was checked.
    if (resource === undefined) return [];
    const { aliases = [], gatewayPriority = 0, priority = 0, own = {} } = said ?? {};
    const links = context.links.get(context.service)?.get(network) ?? [];
    const names = [...new Set([context.service, ...aliases, ...links])];
    return [{ attachment: { target: resource.fullName, aliases: names, ...own }, gatewayPriority, priority }];
  });
}

function readAttachment(attachment: ModelCursor) {
  return attachment.object({}, (fields) => ({
    aliases: fields.texts('aliases'),
    gatewayPriority: fields.get('gw_priority', (cursor) => cursor.number()) ?? 0,
    priority: fields.get('priority', (cursor) => cursor.number()) ?? 0,
    own: {
      ...named('ip', fields, 'ipv4_address'),
      ...named('ipv6', fields, 'ipv6_address'),
      ...named('mac', fields, 'mac_address'),
      ...fields.get('driver_opts', readEndpointOptions),
      ...named('interfaceName', fields, 'interface_name'),
      ...fields.get('link_local_ips', readLinkLocal),
    },
  }));
}

/** As Docker's drivers know them. */
function readEndpointOptions(cursor: ModelCursor): Pick<NetworkAttachmentConfig, 'interfaceName'> {
  const [name] = cursor.valuesByKey().flatMap(([key, value]) => {
    if (key === IFNAME) return [value.text()];
    throw value.problem(`the option "${key}" is not supported`, `remove it; there is ${IFNAME}`);
  });
  return name === undefined ? {} : { interfaceName: name };
}

function readLinkLocal(cursor: ModelCursor): Pick<NetworkAttachmentConfig, 'linkLocalIps'> {
  const items = cursor.items((item) => {
    const address = item.text();
    if (isLinkLocal(address)) return address;
    throw item.problem(`"${address}" is not a link-local address`, 'write one of 169.254.0.0/16 or fe80::/64');
  });
  return items.length === 0 ? {} : { linkLocalIps: { items } };
}

/** Unset fields are left out, as they are in messages. */
function named<K extends 'ip' | 'ipv6' | 'mac' | 'interfaceName'>(field: K, fields: Fields, key: string) {
  const text = fields.text(key);
  return text === '' ? {} : ({ [field]: text } as { [F in K]: string });
}
