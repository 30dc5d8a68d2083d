/** `network_mode` of a service: its hosts' network, none, or that of another service's tasks. */
import { isObject, type Json } from '../model/json.ts';
import { serviceOf } from '../model/normalize.ts';
import type { ServiceContext } from './context.ts';
import type { ModelCursor } from './model-cursor.ts';

const OF_SERVICE = 'service:';

/** What whoever shares another's network can't have beside it. Source: Docker Engine, which refuses the same. */
const OF_THE_OTHER = 'hostname domainname dns dns_opt dns_search extra_hosts mac_address ports expose'.split(' ');

/** The name of a network that every host has; undefined: it is that of another service. */
export function readNetworkMode(cursor: ModelCursor): string | undefined {
  const mode = cursor.text();
  if (mode === 'host' || mode === 'none' || mode === 'bridge') return mode;
  if (mode.startsWith(OF_SERVICE)) return undefined;
  if (mode.startsWith('container:')) {
    throw cursor.problem(
      `"${mode}" is not supported: nobody knows which host a container is on that is of no service`,
      'make it a service of this file, and write service:NAME',
    );
  }
  throw cursor.problem(`"${mode}" is not a mode`, 'write host, none, bridge or service:NAME');
}

/** The full name of the service whose network it is on; '' for one of its own. Notes what doesn't go with it. */
export function readNetworkService(cursor: ModelCursor, { model, service }: ServiceContext): string {
  const mode = cursor.text();
  if (!mode.startsWith(OF_SERVICE)) return '';
  const other = mode.slice(OF_SERVICE.length);
  for (const key of OF_THE_OTHER) {
    if (isEmpty(serviceOf(model, service)?.[key])) continue;
    cursor
      .placeAt('services', service, key)
      .report(`does not go with "network_mode: ${mode}"`, `say it of service "${other}", whose network it is`);
  }
  return `${model.name}_${other}`;
}

function isEmpty(value: Json | undefined): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}
