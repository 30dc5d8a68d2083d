/** `ports:` of a service, short and long form (Compose specification, "ports"). */
import { isIP } from 'node:net';
import { type PortConfig, PortProtocol, PublishMode } from '../../proto/generated/gantry/v1/types.ts';
import { PORT_KEYS } from './keys.ts';
import type { Cursor } from './syntax/cursor.ts';

const SHORT_HINT = 'write "PUBLISHED:TARGET", as in "8080:80", "127.0.0.1:8080:80" or "8080:80/udp"';

/** One entry gives as many ports as its range holds. */
export function readPorts(entry: Cursor): PortConfig[] {
  return entry.tree.kind === 'mapping' ? readLong(entry) : readShort(entry);
}

interface Range {
  readonly from: number;
  readonly to: number;
}

function readShort(entry: Cursor): PortConfig[] {
  const text = entry.string();
  const match = /^(?:(?:(\[[^\]]+\]|[^:[\]]+):)?([\d-]*):)?([\d-]+)(?:\/(\w+))?$/.exec(text);
  const target = parseRange(match?.[3]);
  if (match === null || target === undefined) throw entry.problem(`invalid port "${text}"`, SHORT_HINT);
  const [, host = '', publishedText = '', , protocolText = 'tcp'] = match;
  const hostIp = host.replace(/^\[|\]$/g, '');
  if (hostIp !== '' && isIP(hostIp) === 0) throw entry.problem(`"${hostIp}" is not an address`, SHORT_HINT);
  const published = publishedText === '' ? undefined : parseRange(publishedText);
  if (publishedText !== '' && published === undefined) throw entry.problem(`invalid port "${text}"`, SHORT_HINT);
  return expand(entry, target, published, {
    protocol: protocolOf(entry, protocolText.toLowerCase()),
    hostIp,
    mode: PublishMode.INGRESS,
  });
}

function readLong(entry: Cursor): PortConfig[] {
  entry.checkKeys(PORT_KEYS);
  const targetCursor = entry.child('target');
  if (targetCursor === undefined) throw entry.problem('has no target', 'add "target: PORT"');
  const target = targetCursor.integer(1, 65535);
  const publishedText = entry.field('published', (cursor) => cursor.string());
  const published = publishedText === undefined ? undefined : parseRange(publishedText);
  if (publishedText !== undefined && published === undefined) {
    throw entry.problem(`invalid published port "${publishedText}"`, 'write a port or a range FROM-TO');
  }
  const hostIp = entry.field('host_ip', (cursor) => cursor.string()) ?? '';
  if (hostIp !== '' && isIP(hostIp) === 0) throw entry.problem(`host_ip "${hostIp}" is not an address`, 'write an IP');
  const mode = entry.field('mode', (cursor) => cursor.oneOf(['ingress', 'host'])) ?? 'ingress';
  return expand(entry, { from: target, to: target }, published, {
    protocol: protocolOf(entry, entry.field('protocol', (cursor) => cursor.string()) ?? 'tcp'),
    hostIp,
    mode: mode === 'host' ? PublishMode.HOST : PublishMode.INGRESS,
  });
}

function protocolOf(entry: Cursor, text: string): PortProtocol {
  if (text === 'tcp') return PortProtocol.TCP;
  if (text === 'udp') return PortProtocol.UDP;
  throw entry.problem(`protocol "${text}" is not supported`, 'write tcp or udp');
}

function parseRange(text: string | undefined): Range | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text ?? '');
  if (match === null) return undefined;
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  return from >= 1 && to <= 65535 && from <= to ? { from, to } : undefined;
}

function expand(
  entry: Cursor,
  target: Range,
  published: Range | undefined,
  rest: Pick<PortConfig, 'protocol' | 'hostIp' | 'mode'>,
): PortConfig[] {
  const count = target.to - target.from + 1;
  if (published !== undefined && published.to - published.from + 1 !== count) {
    throw entry.problem('the two port ranges differ in length', 'make them equally long');
  }
  return Array.from({ length: count }, (_, index) => ({
    ...rest,
    targetPort: target.from + index,
    publishedPort: published === undefined ? 0 : published.from + index,
  }));
}
