/** --publish, --publish-add and --publish-rm of services: the short form of -p, and the long one. */
import { PortConfig, PortProtocol, PublishMode } from '../../proto/generated/gantry/v1/types.ts';
import { PROTOCOLS } from '../../proto/port-protocol.ts';
import { invalidFlag } from '../command-line.ts';
import { parsePublish } from './ports.ts';

const HINT = 'write 8080:80[/udp|/sctp] or published=8080,target=80[,protocol=tcp|udp|sctp][,mode=ingress|host]';

/** Several for a range. Unlike those of a container, the ports of a service are published by all nodes. */
export function parseServicePorts(flag: string, text: string): PortConfig[] {
  if (text.includes('=')) {
    const { targetPort, publishedPort = 0, protocol = PortProtocol.TCP, mode } = longForm(flag, text);
    return [PortConfig.fromPartial({ targetPort, publishedPort, protocol, mode: mode ?? PublishMode.INGRESS })];
  }
  return parsePublish(text, flag).map((port) => ({ ...port, mode: PublishMode.INGRESS }));
}

/** Which ports are meant; what isn't said may be anything. */
export interface PortMatch {
  readonly targetPort: number;
  readonly protocol: PortProtocol;
  readonly publishedPort?: number;
  readonly mode?: PublishMode;
}

/** Docker removes by the target port; a published port or a mode that is given must fit, too. */
export function parsePortMatches(flag: string, text: string): PortMatch[] {
  if (text.includes('=')) return [{ protocol: PortProtocol.TCP, ...longForm(flag, text) }];
  return parsePublish(text, flag).map(({ targetPort, protocol, publishedPort }) => ({
    targetPort,
    protocol,
    ...(publishedPort === 0 ? {} : { publishedPort }),
  }));
}

export function matchesPort(port: PortConfig, wanted: PortMatch): boolean {
  return (
    port.targetPort === wanted.targetPort &&
    port.protocol === wanted.protocol &&
    (wanted.publishedPort === undefined || port.publishedPort === wanted.publishedPort) &&
    (wanted.mode === undefined || port.mode === wanted.mode)
  );
}

const MODES: Readonly<Record<string, PublishMode>> = { ingress: PublishMode.INGRESS, host: PublishMode.HOST };

type LongForm = Pick<PortMatch, 'targetPort'> & Partial<PortMatch>;

function longForm(flag: string, text: string): LongForm {
  const fail = (hint: string) => invalidFlag(flag, text, hint);
  const fields = new Map(text.split(',').map((field) => fieldOf(field, fail)));
  const number = (key: string) => {
    const value = fields.get(key);
    if (value === undefined) return undefined;
    if (!/^\d{1,5}$/.test(value) || Number(value) < 1 || Number(value) > 65535) {
      throw fail(`${key} is a port from 1 to 65535; ${HINT}`);
    }
    return Number(value);
  };
  const word = <Value>(key: string, values: Readonly<Record<string, Value>>) => {
    const given = fields.get(key);
    if (given === undefined) return undefined;
    const value = Object.hasOwn(values, given) ? values[given] : undefined;
    if (value === undefined) throw fail(`${key} is one of ${Object.keys(values).join(', ')}`);
    return value;
  };
  const targetPort = number('target');
  if (targetPort === undefined) throw fail(`target is missing; ${HINT}`);
  const publishedPort = number('published');
  const protocol = word('protocol', PROTOCOLS);
  const mode = word('mode', MODES);
  return {
    targetPort,
    ...(publishedPort === undefined ? {} : { publishedPort }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(mode === undefined ? {} : { mode }),
  };
}

const LONG_KEYS = new Set(['target', 'published', 'protocol', 'mode']);

function fieldOf(field: string, fail: (hint: string) => Error): [string, string] {
  const [key = '', value = ''] = field.trim().split(/=(.*)/s);
  if (!LONG_KEYS.has(key)) throw fail(`the key "${key}" is not known; ${HINT}`);
  return [key, value];
}
