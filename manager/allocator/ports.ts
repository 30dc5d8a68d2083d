/** Published ports of services. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { type PortConfig, PortProtocol, PublishMode } from '../../proto/generated/gantry/v1/types.ts';
import { type ServiceObject, serviceName } from '../store/service.ts';

/** As Docker's: above the usual servers, below the kernel's ephemeral ports (ip_local_port_range). */
const FIRST_PORT = 30_000;
const LAST_PORT = 32_767;

/**
 * The ports of a service as they will be published: each 0 becomes a free port; one that had been chosen before
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
    if (port.publishedPort !== 0 || port.mode === PublishMode.HOST) return port;
    const publishedPort = chosenBefore(port, previous, holders) ?? choose(name, port, holders);
    const allocated = { ...port, publishedPort };
    holders.set(portKey(allocated), name);
    return allocated;
  });
}

export function describePort(port: PortConfig): string {
  return `${port.publishedPort}/${port.protocol === PortProtocol.UDP ? 'udp' : 'tcp'}`;
}

/** Ports with equal keys can't be published together. The address is left out: an ingress port takes all. */
function portKey(port: PortConfig): string {
  return describePort(port);
}

function checkFree(name: string, port: PortConfig, holders: Map<string, string>): void {
  if (port.targetPort < 1 || port.targetPort > 65_535 || port.publishedPort > 65_535) {
    throw new GantryError('INVALID_ARGUMENT', `service ${name}: invalid port ${port.publishedPort}:${port.targetPort}`);
  }
  if (port.publishedPort === 0) return;
  const holder = holders.get(portKey(port));
  if (holder !== undefined) {
    throw new GantryError('PORT_IN_USE', `port ${describePort(port)} is already published by service ${holder}`, {
      hint: 'publish another port, or remove that service',
    });
  }
  holders.set(portKey(port), name);
}

function chosenBefore(
  port: PortConfig,
  previous: readonly PortConfig[],
  holders: ReadonlyMap<string, string>,
): number | undefined {
  return previous.find(
    (old) =>
      old.targetPort === port.targetPort &&
      old.protocol === port.protocol &&
      old.publishedPort >= FIRST_PORT &&
      old.publishedPort <= LAST_PORT &&
      !holders.has(portKey(old)),
  )?.publishedPort;
}

function choose(name: string, port: PortConfig, holders: ReadonlyMap<string, string>): number {
  for (let publishedPort = FIRST_PORT; publishedPort <= LAST_PORT; publishedPort++) {
    if (!holders.has(portKey({ ...port, publishedPort }))) return publishedPort;
  }
  throw new GantryError('EXHAUSTED', `no port between ${FIRST_PORT} and ${LAST_PORT} is left for service ${name}`);
}
