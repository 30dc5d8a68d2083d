/** What a container's list of networks means: networks, or one of the words that aren't. Pure. */
import { GantryError } from '../../proto/errors.ts';
import type { ContainerConfig } from '../../proto/generated/gantry/v1/engine.ts';
import {
  type NetworkAttachmentConfig,
  type PortConfig,
  PortProtocol,
  PublishMode,
} from '../../proto/generated/gantry/v1/types.ts';
import { parseProtocol } from '../../proto/port-protocol.ts';
import type { ContainerRecord } from './record.ts';

export type NetworkMode =
  | { readonly kind: 'networks'; readonly attachments: readonly NetworkAttachmentConfig[] }
  /** A namespace with a loopback interface only. */
  | { readonly kind: 'none' }
  | { readonly kind: 'host' }
  | { readonly kind: 'container'; readonly reference: string };

const DEFAULT_NETWORK = 'bridge';
const CONTAINER = 'container:';

/** What the container is on now: as it was made, or as it was connected and disconnected since. */
export function networkModeOf({ config, networks }: Pick<ContainerRecord, 'config' | 'networks'>): NetworkMode {
  return networks === undefined ? parseNetworkMode(config.networks) : { kind: 'networks', attachments: networks };
}

/** Nothing is the default bridge. Throws INVALID_ARGUMENT for a word among networks. */
export function parseNetworkMode(networks: readonly NetworkAttachmentConfig[]): NetworkMode {
  const attachments = networks.map((one) => ({
    ...one,
    target: one.target === 'default' ? DEFAULT_NETWORK : one.target,
  }));
  const word = attachments.find(({ target }) => isWord(target));
  if (word === undefined) {
    return {
      kind: 'networks',
      attachments: attachments.length > 0 ? attachments : [{ target: DEFAULT_NETWORK, aliases: [] }],
    };
  }
  if (attachments.length > 1) {
    throw new GantryError('INVALID_ARGUMENT', `network "${word.target}" can't be combined with others`);
  }
  if (word.target === 'host' || word.target === 'none') return { kind: word.target };
  return { kind: 'container', reference: word.target.slice(CONTAINER.length) };
}

function isWord(target: string): boolean {
  return target === 'host' || target === 'none' || (target.startsWith(CONTAINER) && target.length > CONTAINER.length);
}

/** The ports given, and with `--publish-all` each other one that is exposed, by the image or the container, on a port of the host's choice. */
export function publishedPorts(config: ContainerConfig, exposed: readonly string[]): PortConfig[] {
  if (!config.publishAll) return config.ports;
  const given = new Set(config.ports.map(portKey));
  const offered = new Map(exposed.flatMap(exposedPort).map((port) => [portKey(port), port]));
  return [...config.ports, ...[...offered].flatMap(([key, port]) => (given.has(key) ? [] : [port]))];
}

function portKey({ targetPort, protocol }: PortConfig): string {
  return `${targetPort}/${protocol}`;
}

/** "80", "53/udp" or "8000-8010/tcp" */
function exposedPort(text: string): PortConfig[] {
  const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(text);
  if (match === null) return [];
  const [, first, last = first, protocol = ''] = match;
  const ports = Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index);
  return ports.map((targetPort) => ({
    protocol: parseProtocol(protocol) ?? PortProtocol.TCP,
    targetPort,
    publishedPort: 0,
    hostIp: '',
    mode: PublishMode.HOST,
  }));
}
