/** `extra_hosts` of a service or a build. */
import { isIP } from 'node:net';
import type { ModelCursor } from './model-cursor.ts';

/** HOST:ADDRESS of HOST=ADDRESS. */
export function convertExtraHosts(cursor: ModelCursor): string[] {
  // The model has them sorted, so that an item is looked for by its name.
  return cursor.texts().flatMap((text): string[] => {
    const equals = text.indexOf('=');
    const host = text.slice(0, equals);
    const address = text.slice(equals + 1);
    if (address === 'host-gateway' || isIP(address) !== 0) return [`${host}:${address}`];
    const place = cursor.placeAt(...cursor.path, host);
    place.report(`"${address}" is not an address`, 'write an IP address, or host-gateway for that of the host');
    return [];
  });
}
