/** Protocols of published ports, as nft(8) calls them. */
import { type PortConfig, PortProtocol } from '../../proto/generated/gantry/v1/types.ts';

export function protocolName(port: PortConfig): 'tcp' | 'udp' {
  return port.protocol === PortProtocol.UDP ? 'udp' : 'tcp';
}
