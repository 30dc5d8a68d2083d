/** Whether a container can have the link that it asks for. Pure. */
import { GantryError } from '../../../proto/errors.ts';
import type { NetworkRecord } from '../network-record.ts';
import { type Attachment, macAddressOf } from '../sandbox-record.ts';

/** In mode passthru a container has the whole parent. Throws IN_USE when another has. */
export function checkPassthru({ name, macvlan }: NetworkRecord, others: readonly Attachment[]): void {
  if (macvlan?.mode !== 'passthru' || others.length === 0) return;
  throw new GantryError('IN_USE', `network ${name} has a container, and in mode passthru it takes one`, {
    hint: "stop that one, or make the network with -o macvlan_mode=bridge; 'gantry network inspect' shows who it is",
  });
}

/** Throws INVALID_ARGUMENT, UNSUPPORTED, IN_USE. */
export function checkMac(network: NetworkRecord, mac: string, others: readonly Attachment[]): void {
  // One with the lowest bit of its first octet set is a group's (IEEE 802).
  const isOne = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac) && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0;
  if (!isOne || mac === '00:00:00:00:00:00') {
    throw new GantryError('INVALID_ARGUMENT', `"${mac}" is no MAC address that a container can have`, {
      hint: 'write six octets, of which the first is even: 02:42:ac:11:00:02',
    });
  }
  if (network.macvlan?.mode === 'passthru') {
    throw new GantryError(
      'UNSUPPORTED',
      `network ${network.name} is of mode passthru: its MAC address is its parent's`,
      {
        hint: `change that of ${network.macvlan.parent ?? 'the parent'}, or leave the MAC address out`,
      },
    );
  }
  if (!others.some((attachment) => macAddressOf(attachment) === mac.toLowerCase())) return;
  throw new GantryError('IN_USE', `MAC address ${mac} is already in use on network ${network.name}`, {
    hint: `choose another one; 'gantry network inspect ${network.name}' shows who has which`,
  });
}
