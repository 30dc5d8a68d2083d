/**
 * Mutual TLS between nodes. Who somebody is stands in the certificate, made by the cluster's own CA: the node's id, its
 * role and its cluster. Names of hosts say nothing here, so none is checked.
 */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type PeerCertificate, type SecureContextOptions } from 'node:tls';
import { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';
import { GantryError } from './errors.ts';

/** What a node proves with who it is. All in PEM; the key is nobody else's. */
export interface NodeIdentity {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

export type PeerRole = 'manager' | 'worker';

/** Somebody whose certificate the cluster's CA has signed. */
export interface Peer {
  readonly nodeId: string;
  readonly role: PeerRole;
  readonly clusterId: string;
}

/** A gRPC call as a server sees it. */
export interface AuthenticatedCall {
  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate };
}

/** A certificate's organizational unit, by role. */
export const ROLE_UNITS: Readonly<Record<PeerRole, string>> = { manager: 'gantry-manager', worker: 'gantry-worker' };

const TLS_VERSION = { minVersion: 'TLSv1.3' } as const;

/** The caller of a gRPC method; undefined without a certificate of the cluster's CA, as on a unix socket. */
export function peerOf(call: AuthenticatedCall): Peer | undefined {
  // gRPC shows a certificate only when the connection has verified it.
  const certificate = call.getAuthContext().sslPeerCertificate;
  return certificate === undefined ? undefined : peerIn(certificate);
}

/** Who the identity's certificate is made out to. Throws CORRUPT when that isn't a node. */
export function ownPeer({ certPem }: NodeIdentity): Peer {
  const peer = peerIn(new X509Certificate(certPem).toLegacyObject());
  if (peer === undefined) throw new GantryError('CORRUPT', "this node's certificate is not a node's certificate");
  return peer;
}

/** Undefined: it isn't made out to a node. Whether it may be believed is another matter. */
export function peerIn({ subject }: Pick<PeerCertificate, 'subject'>): Peer | undefined {
  const { CN: nodeId, OU: unit, O: clusterId } = subject;
  const role = unit === ROLE_UNITS.manager ? 'manager' : unit === ROLE_UNITS.worker ? 'worker' : undefined;
  if (typeof nodeId !== 'string' || typeof clusterId !== 'string' || role === undefined) return undefined;
  return { nodeId, role, clusterId };
}

/**
 * What a server shows. Clients may come without a certificate, or with one that isn't the cluster's: `peerOf` is undefined
 * then, and whoever answers them must mind it.
 */
export class NodeServerCredentials extends ServerCredentials {
  constructor(identity: NodeIdentity) {
    super({ requestCert: true, rejectUnauthorized: false, ...TLS_VERSION }, nodeTlsOptions(identity));
  }

  /** For connections from now on; those that there are go on. */
  reload(identity: NodeIdentity): void {
    this.updateSecureContextOptions(nodeTlsOptions(identity));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

/** Of a client that calls a manager of its own cluster: it shows its certificate, and talks to nobody else. */
export function managerChannelCredentials(identity: NodeIdentity): ChannelCredentials {
  return managerChannel(identity, ownPeer(identity).clusterId);
}

/** The same for whoever's certificate isn't a node's. */
export function managerChannel(identity: NodeIdentity, clusterId: string): ChannelCredentials {
  return channelCredentials(nodeTlsOptions(identity), clusterId);
}

/** As `managerChannelCredentials`, of a client that is kept for long: each new connection shows what `current` gives then. */
export class RenewableChannelCredentials extends ChannelCredentials {
  readonly #current: () => NodeIdentity;

  constructor(current: () => NodeIdentity) {
    super();
    this.#current = current;
  }

  override _createSecureConnector(...parameters: ConnectorParameters): Connector {
    const fresh = () => managerChannelCredentials(this.#current())._createSecureConnector(...parameters);
    const first = fresh();
    return {
      connect: (socket) => fresh().connect(socket),
      waitForReady: () => first.waitForReady(),
      getCallCredentials: () => first.getCallCredentials(),
      destroy: () => first.destroy(),
    };
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }
}

type ConnectorParameters = Parameters<ChannelCredentials['_createSecureConnector']>;
type Connector = ReturnType<ChannelCredentials['_createSecureConnector']>;

/** Of a client that has no certificate yet, and knows whose it must be that it talks to: for joining. */
export function pinnedChannelCredentials(caPem: string): ChannelCredentials {
  return channelCredentials({ ca: caPem, ...TLS_VERSION }, undefined);
}

/** Of a client that believes anybody, and so must ask for nothing but what it can check itself. */
export function unverifiedChannelCredentials(): ChannelCredentials {
  return ChannelCredentials.createFromSecureContext(createSecureContext(TLS_VERSION), { rejectUnauthorized: false });
}

function channelCredentials(options: SecureContextOptions, clusterId: string | undefined): ChannelCredentials {
  return ChannelCredentials.createFromSecureContext(createSecureContext(options), {
    checkServerIdentity: (_host, certificate) => refuseUnlessManager(certificate, clusterId),
  });
}

/** Of a node that another one calls: whether it is of that cluster, whatever its role. */
export function refuseUnlessNode(certificate: PeerCertificate, clusterId: string): Error | undefined {
  if (peerIn(certificate)?.clusterId === clusterId) return undefined;
  return new Error('the certificate is not that of a node of this cluster');
}

function refuseUnlessManager(certificate: PeerCertificate, clusterId: string | undefined): Error | undefined {
  const peer = peerIn(certificate);
  const expected = peer?.role === 'manager' && (clusterId === undefined || peer.clusterId === clusterId);
  return expected ? undefined : new Error('the certificate is not that of a manager of this cluster');
}

/** For either end of a connection between two nodes. */
export function nodeTlsOptions({ caPem, certPem, keyPem }: NodeIdentity): SecureContextOptions {
  return { ca: caPem, cert: certPem, key: keyPem, ...TLS_VERSION };
}
