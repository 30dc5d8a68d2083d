/**
 * Who somebody is that uses the cluster from afar: a certificate of the cluster's own CA that is no node's. What its owner
 * may do, and whether it still counts, the managers know by its serial number.
 */
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { GantryError } from './errors.ts';
import { type AuthenticatedCall, managerChannel, type NodeIdentity } from './tls.ts';

export interface RemoteClient {
  readonly name: string;
  /** 32 hex digits. */
  readonly serial: string;
  readonly clusterId: string;
}

/** The certificate's organizational unit, where nodes' have their role. */
export const CLIENT_UNIT = 'gantry-client';

/** The caller of a gRPC method; undefined without a client's certificate of the cluster's CA. */
export function clientOf(call: AuthenticatedCall): RemoteClient | undefined {
  const certificate = call.getAuthContext().sslPeerCertificate;
  return certificate === undefined ? undefined : clientIn(certificate);
}

/** Undefined: it isn't made out to a client. Whether it may be believed is another matter. */
export function clientIn({
  subject,
  serialNumber,
}: Pick<PeerCertificate, 'subject' | 'serialNumber'>): RemoteClient | undefined {
  const { CN: name, OU: unit, O: clusterId } = subject;
  if (typeof name !== 'string' || typeof clusterId !== 'string' || unit !== CLIENT_UNIT) return undefined;
  return { name, serial: serialNumber.toLowerCase(), clusterId };
}

export interface OwnClient extends RemoteClient {
  /** Milliseconds since the epoch. */
  readonly validFromMs: number;
  readonly expiresAtMs: number;
}

/** Whom a certificate in PEM is made out to. INVALID_ARGUMENT when it is no client's. */
export function ownClient(certPem: string): OwnClient {
  const certificate = parse(certPem);
  const client = clientIn(certificate.toLegacyObject());
  if (client === undefined) {
    throw new GantryError('INVALID_ARGUMENT', 'the certificate is not one for the use of a Gantry cluster from afar', {
      hint: 'a manager makes one with "gantry client create NAME"',
    });
  }
  const [validFromMs, expiresAtMs] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
  return { ...client, validFromMs, expiresAtMs };
}

function parse(certPem: string): X509Certificate {
  try {
    return new X509Certificate(certPem);
  } catch (cause) {
    throw new GantryError('INVALID_ARGUMENT', 'the certificate cannot be read: it is no X.509 certificate in PEM', {
      cause,
    });
  }
}

/** Shows the client's certificate, and talks to nobody but a manager of its cluster. */
export function clientChannelCredentials(identity: NodeIdentity): ChannelCredentials {
  return managerChannel(identity, ownClient(identity.certPem).clusterId);
}
