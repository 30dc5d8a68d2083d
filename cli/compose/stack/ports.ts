/** `ports` of a service. */
import { type PortConfig, PortProtocol, PublishMode } from '../../../proto/generated/gantry/v1/types.ts';
import { PROTOCOL_NAMES, parseProtocol } from '../../../proto/port-protocol.ts';
import { isChoice } from '../../../proto/published-port.ts';
import { parseRange } from '../forms/port.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';

/** Notes a port that is published twice, too. */
export function convertPorts(cursor: ModelCursor): PortConfig[] {
  const published = new Set<string>();
  return cursor.items((item) => {
    const port = item.object({}, (fields) => readPort(item, fields));
    const key = `${port.hostIp}:${port.publishedPort}/${port.protocol}`;
    if (isChoice(port)) return port;
    if (published.has(key)) {
      throw item.problem(`port ${port.publishedPort} is published twice`, 'remove one');
    }
    published.add(key);
    return port;
  });
}

function readPort(item: ModelCursor, fields: Fields): PortConfig {
  // What they say is for people: it changes nothing of the port.
  fields.text('name');
  fields.text('app_protocol');
  const targetPort = fields.get('target', (cursor) => cursor.integer(1, 65_535));
  if (targetPort === undefined) throw item.problem("the port 0 can't be published", 'write one from 1 to 65535');
  const mode = fields.get('mode', (cursor) => cursor.oneOf(['ingress', 'host']));
  return {
    targetPort,
    ...(fields.get('published', readPublished) ?? { publishedPort: 0 }),
    hostIp: fields.text('host_ip'),
    protocol: fields.get('protocol', readProtocol) ?? PortProtocol.TCP,
    mode: mode === 'host' ? PublishMode.HOST : PublishMode.INGRESS,
  };
}

/** 0: whichever is free; a range: whichever is free of it. */
function readPublished(cursor: ModelCursor): Pick<PortConfig, 'publishedPort' | 'publishedLast'> {
  const text = cursor.text();
  const range = parseRange(text);
  if (range === undefined) throw cursor.problem(`invalid published port "${text}"`, 'write a port');
  if (range.from === range.to) return { publishedPort: range.from };
  if (range.from > 0) return { publishedPort: range.from, publishedLast: range.to };
  throw cursor.problem(`the range of ports ${text} begins with 0`, 'begin it with 1, or leave it out for any port');
}

function readProtocol(cursor: ModelCursor): PortProtocol {
  const text = cursor.text();
  const protocol = parseProtocol(text);
  if (protocol !== undefined) return protocol;
  throw cursor.problem(`protocol "${text}" is not supported`, `write one of ${PROTOCOL_NAMES.join(', ')}`);
}

/** `expose` documents ports that are open between containers anyway: checked, then nothing to do. */
export function checkExposed(cursor: ModelCursor): void {
  cursor.items((item) => {
    const text = item.text();
    if (!/^\d{1,5}(-\d{1,5})?(\/(tcp|udp|sctp))?$/.test(text)) {
      item.report(`invalid port "${text}"`, 'write PORT[/tcp|udp|sctp]');
    }
  });
}
