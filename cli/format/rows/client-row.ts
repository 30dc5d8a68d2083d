/** Clients as `client ls` lists them. */
import { type ClientCertificate, ClientRole } from '../../../proto/generated/gantry/v1/types.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { ago, humanDuration } from '../duration.ts';
import type { Listing } from '../listing.ts';

export const CLIENT_LISTING: Listing = {
  headings: { Name: 'NAME', Role: 'ROLE', CreatedAt: 'CREATED', Expires: 'EXPIRES', ID: 'SERIAL' },
  defaultTable: '{{.Name}}\t{{.Role}}\t{{.CreatedAt}}\t{{.Expires}}\t{{.ID}}',
  quietField: 'Name',
};

export const ROLE_NAMES: ReadonlyMap<ClientRole, string> = new Map([
  [ClientRole.ADMIN, 'admin'],
  [ClientRole.VIEWER, 'viewer'],
]);

export function clientRow({ id, name, role, expiresAtMs, meta }: ClientCertificate, nowMs: number): Fields {
  const leftMs = expiresAtMs - nowMs;
  return {
    CreatedAt: ago(meta?.createdAtMs ?? 0, nowMs),
    Expires: leftMs > 0 ? `in ${humanDuration(leftMs).toLowerCase()}` : `expired ${humanDuration(-leftMs)} ago`,
    ID: id,
    Name: name,
    Role: ROLE_NAMES.get(role) ?? 'unknown',
  };
}
