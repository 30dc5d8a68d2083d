import type { CheckedPeer, NetworkFinding } from '../../../proto/generated/gantry/v1/engine.ts';

export type Subject = 'kernel' | 'sysctl' | 'firewall' | 'mtu' | 'tcp' | 'udp';

/** Something that is wrong on this host, or between it and the peer; and what to do about it. */
export function finding(subject: Subject, message: string, hint: string, peer?: CheckedPeer): NetworkFinding {
  return { node: '', peer: peer?.name ?? '', subject, message, hint };
}
