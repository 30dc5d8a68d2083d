/** Docker's words for what a service's name stands for. */
import { EndpointMode } from './generated/gantry/v1/types.ts';

export const ENDPOINT_MODES = { vip: EndpointMode.VIP, dnsrr: EndpointMode.DNSRR } as const;

export function endpointModeWord(mode: EndpointMode): keyof typeof ENDPOINT_MODES {
  return mode === EndpointMode.DNSRR ? 'dnsrr' : 'vip';
}
