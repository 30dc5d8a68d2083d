/** Whether a client's certificate still counts, and for what. */
import { GantryError } from '../../proto/errors.ts';
import { type ClientCertificate, ClientRole } from '../../proto/generated/gantry/v1/types.ts';
import type { ClientCaller } from '../forwarding/caller.ts';
import type { Permission } from './permissions.ts';

type Client = Pick<ClientCaller, 'name' | 'serial' | 'clusterId'>;

/** What the cluster knows at the moment of the call. */
export interface Standing {
  readonly clusterId: string | undefined;
  /** Of the certificate's serial number; undefined: revoked, or never given out. */
  readonly certificate: ClientCertificate | undefined;
  readonly nowMs: number;
}

/** Why the client may call nothing any more; undefined: it may. */
export function exclusion(client: Client, { clusterId, certificate, nowMs }: Standing): GantryError | undefined {
  const { name } = client;
  if (client.clusterId !== clusterId) return denied(`client ${name} is of another cluster`, ANOTHER);
  if (certificate === undefined) return denied(`the certificate of client ${name} has been revoked`, ANOTHER);
  if (certificate.expiresAtMs > nowMs) return undefined;
  return denied(`the certificate of client ${name} has expired`, ANOTHER);
}

/** Why the client may not call a method; `needed` undefined: no client may. */
export function refusalOfClient(
  client: Client,
  needed: Permission | undefined,
  standing: Standing,
): GantryError | undefined {
  if (needed === undefined) return denied(`client ${client.name} is no node`, 'nodes join with a token');
  const excluded = exclusion(client, standing);
  if (excluded !== undefined) return excluded;
  if (needed === 'viewer' || standing.certificate?.role === ClientRole.ADMIN) return undefined;
  return denied(`client ${client.name} may only look`, 'use a certificate with the role admin: "gantry client create"');
}

const ANOTHER = 'get another with "gantry client create NAME" on a manager, and "gantry context import" it';

function denied(why: string, hint: string): GantryError {
  return new GantryError('PERMISSION_DENIED', `refused: ${why}`, { hint });
}
