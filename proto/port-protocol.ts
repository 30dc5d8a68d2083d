/** Protocols of published ports, by the names that Docker, compose files and nft(8) have for them. */
import { PortProtocol } from './generated/gantry/v1/types.ts';

export type ProtocolName = 'tcp' | 'udp' | 'sctp';

export const PROTOCOLS: Readonly<Record<ProtocolName, PortProtocol>> = {
  tcp: PortProtocol.TCP,
  udp: PortProtocol.UDP,
  sctp: PortProtocol.SCTP,
};

export const PROTOCOL_NAMES: readonly string[] = Object.keys(PROTOCOLS);

/** Undefined for a name that is none of these. */
export function parseProtocol(name: string): PortProtocol | undefined {
  return Object.hasOwn(PROTOCOLS, name) ? PROTOCOLS[name as ProtocolName] : undefined;
}

export function protocolName(protocol: PortProtocol): ProtocolName {
  if (protocol === PortProtocol.UDP) return 'udp';
  return protocol === PortProtocol.SCTP ? 'sctp' : 'tcp';
}
