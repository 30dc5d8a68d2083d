/** Published ports as `ps`, `service ls` and `port` print them. */
import type { PortConfig } from '../../proto/generated/gantry/v1/types.ts';
import { type ProtocolName, protocolName } from '../../proto/port-protocol.ts';

/** IP:PORT, with an IPv6 address in brackets. An address that isn't set is every address of the host. */
export function hostAddress(port: PortConfig): string {
  const ip = port.hostIp === '' ? '0.0.0.0' : port.hostIp;
  return ip.includes(':') ? `[${ip}]` : ip;
}

/** "0.0.0.0:8000-8002->80-82/tcp, 0.0.0.0:53->53/udp": neighbouring ports as ranges. */
export function displayPorts(ports: readonly PortConfig[]): string {
  return ranges(ports, (port) => hostAddress(port))
    .map(rangeText)
    .join(', ');
}

/** "*:8080->80/tcp": a service's ports are published on every node. */
export function displayServicePorts(ports: readonly PortConfig[]): string {
  return ranges(ports, () => '*')
    .map(rangeText)
    .join(', ');
}

interface PortRange {
  readonly address: string;
  readonly protocol: ProtocolName;
  readonly published: number;
  readonly target: number;
  count: number;
}

function ranges(ports: readonly PortConfig[], addressOf: (port: PortConfig) => string): PortRange[] {
  const result: PortRange[] = [];
  for (const port of ports.toSorted(byAddressAndTarget)) {
    const protocol = protocolName(port.protocol);
    const last = result.at(-1);
    const continues =
      last !== undefined &&
      last.address === addressOf(port) &&
      last.protocol === protocol &&
      port.targetPort === last.target + last.count &&
      (last.published === 0 ? port.publishedPort === 0 : port.publishedPort === last.published + last.count);
    if (continues) last.count += 1;
    else {
      result.push({
        address: addressOf(port),
        protocol,
        published: port.publishedPort,
        target: port.targetPort,
        count: 1,
      });
    }
  }
  return result;
}

function byAddressAndTarget(a: PortConfig, b: PortConfig): number {
  return (
    a.hostIp.localeCompare(b.hostIp) ||
    a.protocol - b.protocol ||
    a.targetPort - b.targetPort ||
    a.publishedPort - b.publishedPort
  );
}

function rangeText({ address, protocol, published, target, count }: PortRange): string {
  const inside = `${span(target, count)}/${protocol}`;
  return published === 0 ? inside : `${address}:${span(published, count)}->${inside}`;
}

function span(first: number, count: number): string {
  return count === 1 ? String(first) : `${first}-${first + count - 1}`;
}
