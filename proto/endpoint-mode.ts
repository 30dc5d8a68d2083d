/** Docker's words for what a service's name stands for. */
import { EndpointMode } from './generated/gantry/v1/types.ts';

export const ENDPOINT_MODES: Readonly<Record<string, EndpointMode>> = {
  vip: EndpointMode.VIP,
  dnsrr: EndpointMode.DNSRR,
};

export function endpointModeWord(mode: EndpointMode): string {
  return mode === EndpointMode.DNSRR ? 'dnsrr' : 'vip';
}
