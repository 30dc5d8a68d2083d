/** This node's certificate: when it is to be renewed, and the asking for it. */
import { BACKDATED_MS } from '../../proto/certificate-life.ts';
import { newCertificateRequest } from '../../proto/certificate-request.ts';
import { connectClient, unary } from '../../proto/client.ts';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import {
  CaClient,
  type IssueCertificateRequest,
  type IssueCertificateResponse,
} from '../../proto/generated/gantry/v1/ca.ts';
import { NodeAvailability } from '../../proto/generated/gantry/v1/types.ts';
import { validity } from '../../proto/identity-files.ts';
import { proveOwnership } from '../../proto/renewal-proof.ts';
import { tlsOf } from '../../proto/root-certificates.ts';
import type { NodeIdentity } from '../../proto/tls.ts';
import type { ManagerEndpoint } from '../session/session.ts';
import { explainTlsFailure } from './tls-failure.ts';

const CALL_TIMEOUT_MS = 15_000;

/**
 * At 60 to 70 percent of its life: a month is left for managers that can't be reached. `jitter` in [0, 1) spreads nodes
 * that joined together.
 */
export function renewalTimeMs(identity: NodeIdentity, jitter: number): number {
  const { untilMs } = validity(identity);
  return untilMs - certificateLifeMs(identity) * (0.4 - 0.1 * jitter);
}

/** For how long the certificate was made: from then on, not from when on it is valid. */
export function certificateLifeMs(identity: NodeIdentity): number {
  const { fromMs, untilMs } = validity(identity);
  return untilMs - fromMs - BACKDATED_MS;
}

/** A new certificate of a new key, from the first manager that answers. Throws what the last one said. */
export async function renewedIdentity(
  identity: NodeIdentity,
  endpoints: readonly ManagerEndpoint[],
  nowMs: number,
): Promise<NodeIdentity> {
  const { keyPem, requestPem } = await newCertificateRequest();
  const { trustedRoots } = tlsOf(identity);
  const asked = { ...RENEWAL, request: requestPem, trustedRoots, ...evidence(identity, requestPem, nowMs) };
  let error = new GantryError('UNAVAILABLE', 'no manager of the cluster is known');
  for (const endpoint of endpoints) {
    try {
      const { certificate, rootCertificate } = await ask(endpoint, asked);
      const renewed = { caPem: rootCertificate, certPem: certificate, keyPem };
      checkValidNow(renewed, nowMs);
      return renewed;
    } catch (thrown) {
      error = await explainTlsFailure(toGantryError(thrown), endpoint.address, nowMs);
    }
  }
  throw error;
}

/** One that isn't valid here isn't put in the place of one that is. */
function checkValidNow(identity: NodeIdentity, nowMs: number): void {
  const { fromMs, untilMs } = validity(identity);
  if (fromMs <= nowMs && nowMs < untilMs) return;
  const [from, until, here] = [fromMs, untilMs, nowMs].map((ms) => new Date(ms).toISOString());
  throw new GantryError(
    'WRONG_STATE',
    `the new certificate is valid from ${from} until ${until}, and here it is ${here}`,
    {
      hint: "compare this host's clock with those of the managers, and set the one that is wrong",
    },
  );
}

const RENEWAL = {
  ...{ token: '', nodeId: '', address: '', callbackSecret: Buffer.alloc(0) },
  availability: NodeAvailability.ACTIVE,
} as const;

/** TLS shows who asks as long as the certificate is valid. */
function evidence(
  identity: NodeIdentity,
  requestPem: string,
  nowMs: number,
): Pick<IssueCertificateRequest, 'expiredCertificate' | 'proof'> {
  const { certPem, keyPem } = identity;
  if (nowMs < validity(identity).untilMs) return { expiredCertificate: '', proof: Buffer.alloc(0) };
  return { expiredCertificate: certPem, proof: proveOwnership(requestPem, keyPem) };
}

async function ask(
  { address, credentials }: ManagerEndpoint,
  asked: IssueCertificateRequest,
): Promise<IssueCertificateResponse> {
  const ca = connectClient(CaClient, address, credentials);
  try {
    return await unary<IssueCertificateResponse>(
      (done) => ca.issueCertificate(asked, done),
      AbortSignal.timeout(CALL_TIMEOUT_MS),
    );
  } finally {
    ca.close();
  }
}
