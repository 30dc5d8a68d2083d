/** Published ports of services. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { type PortConfig, PublishMode } from '../../proto/generated/gantry/v1/types.ts';
import { protocolName } from '../../proto/port-protocol.ts';
import { isChoice, publishedText } from '../../proto/published-port.ts';
import { type ServiceObject, serviceName } from '../store/service.ts';

/** As Docker's: above the usual servers, below the kernel's ephemeral ports (ip_local_port_range). */
const FIRST_PORT = 30_000;
const LAST_PORT = 32_767;

/**
 * The ports of a service as they will be published: each choice becomes a free port; one that had been chosen before
 * (`previous`) stays. `others`: the other services. Throws PORT_IN_USE naming the holder, EXHAUSTED,
 * INVALID_ARGUMENT.
 */
export function allocatePorts(
  name: string,
  ports: readonly PortConfig[],
  previous: readonly PortConfig[],
  others: readonly ServiceObject[],
): PortConfig[] {
  const holders = new Map<string, string>();
  for (const service of others.filter((other) => !other.pendingDelete)) {
    for (const port of service.ports) holders.set(portKey(port), serviceName(service));
  }
  for (const port of ports) checkFree(name, port, holders);
  return ports.map((port) => {
    if (!isChoice(port) || port.mode === PublishMode.HOST) return port;
    const allocated = chosenBefore(port, previous, holders) ?? choose(name, port, holders);
    holders.set(portKey(allocated), name);
    return allocated;
  });
}

/** Those that a service goes on having when it is to have `ports`, and had `previous`: no other one may get them. */
export function keptPorts(ports: readonly PortConfig[], previous: readonly PortConfig[]): PortConfig[] {
  return ports.flatMap((port) => (isChoice(port) ? (chosenBefore(port, previous, new Map()) ?? []) : port));
}

export function describePort(port: PortConfig): string {
  return `${port.publishedPort}/${protocolName(port.protocol)}`;
}

/** Ports with equal keys can't be published together. The address is left out: an ingress port takes all. */
function portKey(port: PortConfig): string {
  return describePort(port);
}

function checkFree(name: string, port: PortConfig, holders: Map<string, string>): void {
  if (port.targetPort < 1 || port.targetPort > 65_535 || lastOf(port) > 65_535) {
    const text = `${publishedText(port)}:${port.targetPort}`;
    throw new GantryError('INVALID_ARGUMENT', `service ${name}: invalid port ${text}`);
  }
  if (isChoice(port)) return;
  const holder = holders.get(portKey(port));
  if (holder !== undefined) {
    throw new GantryError('PORT_IN_USE', `port ${describePort(port)} is already published by service ${holder}`, {
      hint: 'publish another port, or remove that service',
    });
  }
  holders.set(portKey(port), name);
}

/** Of those that it may be now. */
function choices({ publishedPort, publishedLast = publishedPort }: PortConfig): readonly [first: number, last: number] {
  return publishedPort === 0 ? [FIRST_PORT, LAST_PORT] : [publishedPort, publishedLast];
}

function lastOf(port: PortConfig): number {
  return Math.max(port.publishedPort, port.publishedLast ?? 0);
}

function chosen(port: PortConfig, publishedPort: number): PortConfig {
  const { publishedLast: _, ...rest } = port;
  return { ...rest, publishedPort };
}

function chosenBefore(
  port: PortConfig,
  previous: readonly PortConfig[],
  holders: ReadonlyMap<string, string>,
): PortConfig | undefined {
  const [first, last] = choices(port);
  const old = previous.find(
    (one) =>
      one.targetPort === port.targetPort &&
      one.protocol === port.protocol &&
      one.publishedPort >= first &&
      one.publishedPort <= last &&
      !isChoice(one) &&
      !holders.has(portKey(one)),
  );
  return old && chosen(port, old.publishedPort);
}

function choose(name: string, port: PortConfig, holders: ReadonlyMap<string, string>): PortConfig {
  const [first, last] = choices(port);
  for (let publishedPort = first; publishedPort <= last; publishedPort++) {
    const one = chosen(port, publishedPort);
    if (!holders.has(portKey(one))) return one;
  }
  throw new GantryError('EXHAUSTED', `no port between ${first} and ${last} is left for service ${name}`, {
    hint: 'publish others, or remove a service that has one of them',
  });
}
