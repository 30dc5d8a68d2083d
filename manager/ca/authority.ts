/** The cluster's certificate authority: who may have a certificate, and which. */
import type { Logger } from 'pino';
import { newCertificateRequest } from '../../proto/certificate-request.ts';
import { GantryError } from '../../proto/errors.ts';
import type {
  GetRootCertificateResponse,
  IssueCertificateRequest,
  IssueCertificateResponse,
} from '../../proto/generated/gantry/v1/ca.ts';
import type { ManagerAddress } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { NodeRole, type RootCa } from '../../proto/generated/gantry/v1/types.ts';
import { isObjectId } from '../../proto/ids.ts';
import { pemOf, rootDigest } from '../../proto/root-certificates.ts';
import type { NodeIdentity, Peer } from '../../proto/tls.ts';
import type { Clock } from '../clock.ts';
import type { Caller } from '../forwarding/caller.ts';
import type { ClusterObject } from '../store/cluster.ts';
import { type NodeObject, peerRole } from '../store/node.ts';
import type { Store } from '../store/store.ts';
import { Turns } from '../turns.ts';
import { admit, roleOf } from './admission.ts';
import { nodeCertificateLifeMs } from './certificate-life.ts';
import type { VerifiedRequest } from './certificates.ts';
import { expiredPeer } from './expired.ts';
import { checkReachable } from './reachability.ts';
import { issuerFor, trustedRoots } from './rotation.ts';

export interface AuthorityOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where the cluster's managers are. */
  managers(): readonly ManagerAddress[];
  /** Resolves once the store is as new as the cluster's state: one who led until just now would sign for an old root. */
  upToDate(): Promise<void>;
}

export class CertificateAuthority {
  readonly #options: AuthorityOptions;
  /** When a thousand nodes ask at once, each has its turn: what a certificate takes is mostly computed here. */
  readonly #turns = new Turns();

  constructor(options: AuthorityOptions) {
    this.#options = options;
  }

  /** The one that join tokens name. */
  rootCertificate(): GetRootCertificateResponse {
    return { certificate: this.#rootCa().certificate, nowMs: this.#options.clock.now() };
  }

  /** Throws PERMISSION_DENIED, NOT_IN_CLUSTER, ALREADY_EXISTS, INVALID_ARGUMENT. Idempotent. */
  async issueCertificate(request: IssueCertificateRequest, caller: Caller): Promise<IssueCertificateResponse> {
    await this.#options.upToDate();
    const { verifyRequest } = await import('./certificates.ts');
    await this.#turns.next();
    const verified = await verifyRequest(request.request);
    const node = request.token === '' ? this.#renewing(request, caller) : await this.#joining(request, verified);
    return this.#issue(node, verified, request.trustedRoots);
  }

  /** For the manager that made the CA: it can ask nobody else. */
  async issueOwn(nodeId: string): Promise<NodeIdentity> {
    const { keyPem, requestPem } = await newCertificateRequest();
    const { verifyRequest } = await import('./certificates.ts');
    const verified = await verifyRequest(requestPem);
    const trusted = trustedRoots(this.#cluster()).map(rootDigest);
    const { certificate, rootCertificate } = await this.#issue(this.#node(nodeId), verified, trusted);
    return { caPem: rootCertificate, certPem: certificate, keyPem };
  }

  /** The node that the caller's certificate names, also when it has expired. */
  #renewing(request: IssueCertificateRequest, caller: Caller): NodeObject {
    if (request.expiredCertificate !== '') {
      const { nodeId } = expiredPeer(request, this.#cluster(), this.#options.clock.now());
      this.#options.logger.warn({ node: nodeId }, 'renewing a certificate that has expired');
      return this.#node(nodeId);
    }
    if (caller.kind !== 'node') {
      throw new GantryError('PERMISSION_DENIED', 'a certificate is given for a join token, or for a certificate', {
        hint: 'join with the token that "gantry cluster join-token" prints on a manager',
      });
    }
    return this.#node(caller.nodeId);
  }

  #node(nodeId: string): NodeObject {
    const node = this.#options.store.view((read) => read.get('node', nodeId));
    if (node !== undefined) return node;
    throw new GantryError('NOT_IN_CLUSTER', `node ${nodeId} is not in this cluster`, {
      hint: 'it may have been removed: leave the cluster and join again',
    });
  }

  /** Makes the node's object; in the store before there is a certificate for it. */
  async #joining(request: IssueCertificateRequest, { keyDigest }: VerifiedRequest): Promise<NodeObject> {
    const { token, nodeId, availability, address, callbackSecret } = request;
    if (!isObjectId(nodeId)) throw new GantryError('INVALID_ARGUMENT', 'join: the id of the node is no id');
    const { joinTokens } = this.#cluster();
    const role = joinTokens && roleOf(token, joinTokens);
    if (role === NodeRole.MANAGER && address !== '') await checkReachable(address, callbackSecret);
    return this.#options.store.update((tx) => admit(tx, { token, nodeId, availability, keyDigest }));
  }

  async #issue(
    node: NodeObject,
    { publicKey }: VerifiedRequest,
    trusted: readonly string[],
  ): Promise<IssueCertificateResponse> {
    const { clock, logger, managers } = this.#options;
    const { signCertificate } = await import('./certificates.ts');
    await this.#turns.next();
    const cluster = this.#cluster();
    const issuer = issuerFor(cluster, trusted);
    if (issuer === undefined) throw beingSetUp();
    const peer: Peer = { nodeId: node.id, role: peerRole(node), clusterId: cluster.id };
    const lifeMs = nodeCertificateLifeMs(cluster.spec);
    const certificate = await signCertificate(issuer.root, publicKey, peer, clock.now(), lifeMs);
    logger.info({ node: node.id, role: peer.role }, 'issued a certificate');
    return {
      certificate: `${certificate.trimEnd()}\n${issuer.crossCertificate}`,
      rootCertificate: pemOf(trustedRoots(cluster)),
      clusterId: cluster.id,
      role: peer.role === 'manager' ? NodeRole.MANAGER : NodeRole.WORKER,
      managers: [...managers()],
    };
  }

  #rootCa(): RootCa {
    const { rootCa } = this.#cluster();
    if (rootCa === undefined) throw beingSetUp();
    return rootCa;
  }

  #cluster(): ClusterObject {
    const [cluster] = this.#options.store.view((read) => read.find('cluster', { by: 'all' }));
    if (cluster === undefined) throw beingSetUp();
    return cluster;
  }
}

function beingSetUp(): GantryError {
  return new GantryError('UNAVAILABLE', 'the cluster is being set up');
}
