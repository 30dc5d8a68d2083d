/** `ports:` of a service, short and long form (Compose specification, "ports"). */
import { isIP } from 'node:net';
import { type PortConfig, PortProtocol, PublishMode } from '../../proto/generated/gantry/v1/types.ts';
import { parsePort, parseRange } from './forms/port.ts';
import { PORT_KEYS } from './keys.ts';
import type { Cursor } from './syntax/cursor.ts';

const SHORT_HINT = 'write "PUBLISHED:TARGET", as in "8080:80", "127.0.0.1:8080:80" or "8080:80/udp"';

/** One entry gives as many ports as its range holds. */
export function readPorts(entry: Cursor): PortConfig[] {
  return entry.tree.kind === 'mapping' ? readLong(entry) : readShort(entry);
}

function readShort(entry: Cursor): PortConfig[] {
  const text = entry.string();
  const forms = parsePort(text);
  if (typeof forms === 'string') throw entry.problem(`invalid port "${text}": ${forms}`, SHORT_HINT);
  return forms.map(({ target, published, protocol, hostIp }) => {
    if (target < 1) throw entry.problem(`invalid port "${text}"`, SHORT_HINT);
    return {
      ...{ targetPort: target, publishedPort: publishedPort(entry, published) },
      ...{ protocol: protocolOf(entry, protocol), hostIp, mode: PublishMode.INGRESS },
    };
  });
}

function readLong(entry: Cursor): PortConfig[] {
  entry.checkKeys(PORT_KEYS);
  const targetCursor = entry.child('target');
  if (targetCursor === undefined) throw entry.problem('has no target', 'add "target: PORT"');
  const target = targetCursor.integer(1, 65535);
  const published = entry.field('published', (cursor) => cursor.string()) ?? '';
  const hostIp = entry.field('host_ip', (cursor) => cursor.string()) ?? '';
  if (hostIp !== '' && isIP(hostIp) === 0) throw entry.problem(`host_ip "${hostIp}" is not an address`, 'write an IP');
  const mode = entry.field('mode', (cursor) => cursor.oneOf(['ingress', 'host'])) ?? 'ingress';
  return [
    {
      ...{ targetPort: target, publishedPort: publishedPort(entry, published), hostIp },
      protocol: protocolOf(entry, entry.field('protocol', (cursor) => cursor.string()) ?? 'tcp'),
      mode: mode === 'host' ? PublishMode.HOST : PublishMode.INGRESS,
    },
  ];
}

/** 0: whichever is free. */
function publishedPort(entry: Cursor, text: string): number {
  if (text === '') return 0;
  const range = parseRange(text);
  if (range === undefined) throw entry.problem(`invalid published port "${text}"`, 'write a port');
  if (range.from === range.to) return range.from;
  throw entry.problem('the two port ranges differ in length', 'make them equally long');
}

function protocolOf(entry: Cursor, text: string): PortProtocol {
  if (text === 'tcp') return PortProtocol.TCP;
  if (text === 'udp') return PortProtocol.UDP;
  throw entry.problem(`protocol "${text}" is not supported`, 'write tcp or udp');
}
