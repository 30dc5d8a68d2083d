/** Whether a context's certificates are such, and belong together: found out when it is made, not when it is used. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { ownClient } from '../../proto/client-certificate.ts';
import { CliError } from '../failure.ts';
import type { ContextIdentity } from './context.ts';

/** Throws with what is wrong; `place` says of which file or context. */
export function checkIdentity({ caPem, certPem, keyPem }: ContextIdentity, place: string): void {
  ownClient(certPem);
  const authority = read(`${place}: the CA's certificate cannot be read`, () => new X509Certificate(caPem));
  const key = read(`${place}: the private key cannot be read`, () => createPrivateKey(keyPem));
  const certificate = new X509Certificate(certPem);
  if (!certificate.checkPrivateKey(key)) {
    throw new CliError(`${place}: the private key is not the one that the certificate is for`, {
      hint: 'give the key that the request for the certificate was made with',
    });
  }
  if (!certificate.checkIssued(authority)) {
    throw new CliError(`${place}: the certificate is not of that CA`, { hint: 'give the ca.pem that came with it' });
  }
}

function read<T>(failure: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new CliError(failure, { hint: 'it must be in PEM' });
  }
}
