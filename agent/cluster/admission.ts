/** How a node is taken into a cluster: it makes sure whom it talks to, and gets a certificate for its token. */
import type { ChannelCredentials } from '@grpc/grpc-js';
import { type Address, grpcTarget } from '../../proto/address.ts';
import { newCertificateRequest } from '../../proto/certificate-request.ts';
import { connectClient, unary } from '../../proto/client.ts';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import {
  CaClient,
  type GetRootCertificateResponse,
  type IssueCertificateRequest,
  type IssueCertificateResponse,
} from '../../proto/generated/gantry/v1/ca.ts';
import { type NodeAvailability, NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import { checkTokenForm, isTokenOf } from '../../proto/join-token.ts';
import { rootDigest } from '../../proto/root-certificates.ts';
import { type NodeIdentity, pinnedChannelCredentials, unverifiedChannelCredentials } from '../../proto/tls.ts';
import { Callback } from './callback.ts';
import { checkClocks } from './clock-difference.ts';
import type { KnownManager } from './membership.ts';

/** The leader may have to be elected first. */
const CALL_TIMEOUT_MS = 15_000;

export interface AdmissionRequest {
  readonly token: string;
  readonly manager: Address;
  readonly nodeId: string;
  readonly availability: NodeAvailability;
  /** IP:PORT that managers would reach it at. */
  readonly address: string;
}

export interface Admission {
  readonly identity: NodeIdentity;
  readonly clusterId: string;
  readonly manager: boolean;
  readonly managers: readonly KnownManager[];
}

/** Throws INVALID_ARGUMENT, UNAVAILABLE, PERMISSION_DENIED; WRONG_STATE when the clocks are too far apart. Nothing is kept here; the cluster has the node from then on. */
export async function requestAdmission(request: AdmissionRequest, nowMs: number): Promise<Admission> {
  const { token, manager, nodeId, availability } = request;
  checkTokenForm(token);
  const caPem = await trustedRoot(manager, token, nowMs);
  const { keyPem, requestPem } = await newCertificateRequest();
  const asked = {
    ...{ request: requestPem, token, nodeId, availability, trustedRoots: [rootDigest(caPem)] },
    ...{ expiredCertificate: '', proof: Buffer.alloc(0) },
  };
  const answer = await answeringCallbacks(request.address, (callback) =>
    call(manager, pinnedChannelCredentials(caPem), (ca, signal) =>
      unary<IssueCertificateResponse>((done) => ca.issueCertificate({ ...asked, ...callback }, done), signal),
    ),
  );
  return {
    // It comes from whom the token is of: of several roots, too.
    identity: { caPem: answer.rootCertificate, certPem: answer.certificate, keyPem },
    clusterId: answer.clusterId,
    manager: answer.role === NodeRole.MANAGER,
    managers: answer.managers,
  };
}

type CallbackFields = Pick<IssueCertificateRequest, 'address' | 'callbackSecret'>;

/** While `action` runs, managers are answered at the address, if this node can listen there. */
async function answeringCallbacks<Result>(
  address: string,
  action: (callback: CallbackFields) => Promise<Result>,
): Promise<Result> {
  const callback = await Callback.listen(address);
  if (callback === undefined) return action({ address: '', callbackSecret: Buffer.alloc(0) });
  try {
    return await action({ address, callbackSecret: callback.secret });
  } finally {
    await callback.close();
  }
}

/** The CA's certificate as the manager shows it, once it is known to be that of the token. */
async function trustedRoot(manager: Address, token: string, ownMs: number): Promise<string> {
  const { certificate, nowMs } = await call(manager, unverifiedChannelCredentials(), (ca, signal) =>
    unary<GetRootCertificateResponse>((done) => ca.getRootCertificate({}, done), signal),
  );
  if (isCertificateOf(token, certificate)) {
    checkClocks('join', grpcTarget(manager), nowMs, ownMs);
    return certificate;
  }
  throw new GantryError(
    'PERMISSION_DENIED',
    `${grpcTarget(manager)} is no manager of the cluster that the token is of`,
    {
      hint: 'take token and address from what "gantry cluster join-token" prints on one of its managers',
    },
  );
}

function isCertificateOf(token: string, certificate: string): boolean {
  try {
    return isTokenOf(token, certificate);
  } catch {
    // Whatever it sent is no certificate.
    return false;
  }
}

async function call<Result>(
  manager: Address,
  credentials: ChannelCredentials,
  action: (ca: CaClient, signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const ca = connectClient(CaClient, manager, credentials);
  try {
    return await action(ca, AbortSignal.timeout(CALL_TIMEOUT_MS));
  } catch (thrown) {
    throw explained(manager, toGantryError(thrown));
  } finally {
    ca.close();
  }
}

/** What the manager answers is said as it is; what comes of the connection says where it went to. */
function explained(manager: Address, error: GantryError): GantryError {
  if (error.cause === undefined) return error;
  return new GantryError(
    'UNAVAILABLE',
    `cannot join through ${grpcTarget(manager)}: ${connectionReason(error.message)}`,
    {
      hint: 'is that the address of a manager, and can this host reach it?',
      cause: error,
    },
  );
}

/** In one line, of what gRPC and OpenSSL say about a connection that didn't come about. */
function connectionReason(message: string): string {
  if (/SSL routines|EPROTO/.test(message)) return 'what answers there does not speak TLS as managers do';
  return message
    .replace(/^No connection established\. Last error: (Error: )?/, '')
    .replace(/\.? Resolution note: .*$/s, '');
}
