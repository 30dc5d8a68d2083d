/** What to do when this node and a manager don't believe each other's certificates. */
import { type Address, grpcTarget } from '../../proto/address.ts';
import { connectClient, unary } from '../../proto/client.ts';
import { GantryError } from '../../proto/errors.ts';
import { CaClient, type GetRootCertificateResponse } from '../../proto/generated/gantry/v1/ca.ts';
import { unverifiedChannelCredentials } from '../../proto/tls.ts';
import { differenceText } from './clock-difference.ts';

/** Asks a manager for its root certificate and its time, which nobody vouches for. */
export type AskRoot = (address: Address) => Promise<GetRootCertificateResponse>;

const ASK_TIMEOUT_MS = 3000;

export async function askRoot(
  address: Address,
  signal = AbortSignal.timeout(ASK_TIMEOUT_MS),
): Promise<GetRootCertificateResponse> {
  const ca = connectClient(CaClient, address, unverifiedChannelCredentials());
  try {
    return await unary<GetRootCertificateResponse>((done) => ca.getRootCertificate({}, done), signal);
  } finally {
    ca.close();
  }
}

/** The error as it is, unless it is one of a certificate: then what that means for this node. */
export async function explainTlsFailure(
  error: GantryError,
  address: Address,
  ownMs: number,
  ask: AskRoot = askRoot,
): Promise<GantryError> {
  if (address.kind !== 'tcp') return error;
  const manager = grpcTarget(address);
  // In OpenSSL's words, which come through gRPC as text.
  if (/certificate (is not yet valid|has expired)/.test(error.message)) {
    const managerMs = (await ask(address).catch(() => undefined))?.nowMs ?? 0;
    return wrongTime(error, manager, managerMs, ownMs);
  }
  if (!/unable to (verify|get (local )?issuer)|self[- ]signed certificate/.test(error.message)) return error;
  return new GantryError(
    'PERMISSION_DENIED',
    `${manager} shows a certificate of an authority that this node does not trust`,
    {
      hint: 'if it is a manager of this node\'s cluster, this node was removed before the authority was rotated, or the cluster was restored from an older backup: leave with "gantry cluster leave --force" and join again',
      cause: error,
    },
  );
}

function wrongTime(error: GantryError, manager: string, managerMs: number, ownMs: number): GantryError {
  const when = /not yet valid/.test(error.message) ? 'not valid yet' : 'not valid any more';
  const here = new Date(ownMs).toISOString();
  const clocks = managerMs === 0 ? '' : `; ${differenceText(manager, managerMs, ownMs)}`;
  return new GantryError('UNAVAILABLE', `the certificate of ${manager} is ${when} here, where it is ${here}${clocks}`, {
    hint: 'compare the clocks of both hosts, set the one that is wrong, and let both follow a time server',
    cause: error,
  });
}
