/** What goes wrong below HTTP, as errors that say of which host and what to do. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { printable } from './refusal.ts';

/** `what` is the request: "GET https://host/v2/". */
export function connectionFailure(url: URL, thrown: unknown): GantryError {
  if (thrown instanceof GantryError) return thrown;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const code = 'code' in error ? String(error.code) : '';
  if (error.name === 'AbortError' || code === 'ABORT_ERR') {
    return new GantryError('CANCELLED', `the request to ${url.host} was cancelled`, { cause: error });
  }
  if (CERTIFICATE_CODES.test(code)) return untrusted(url, error);
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return new GantryError('HOST', `cannot speak TLS with ${url.host}: ${plainReason(error)}`, {
      hint: `if it speaks plain HTTP, name it under "insecure-registries" in gantryd's configuration`,
      cause: error,
    });
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new GantryError('UNAVAILABLE', `${url.host} sends headers that are too long`, { cause: error });
  }
  if (code.startsWith('HPE_')) {
    return new GantryError('UNAVAILABLE', `${url.host} answers with something that isn't HTTP (${code})`, {
      cause: error,
    });
  }
  return new GantryError('UNAVAILABLE', `cannot reach ${url.host}: ${plainReason(error)}`, { cause: error });
}

/** OpenSSL's verdicts, and Node's on host names. */
const CERTIFICATE_CODES =
  /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY)_|INVALID_(CA|PURPOSE)|HOSTNAME_MISMATCH|ERR_TLS_CERT_)/;

function untrusted(url: URL, error: Error): GantryError {
  return new GantryError('HOST', `the certificate of ${url.host} is not trusted: ${plainReason(error)}`, {
    hint: `put its authority's certificate into /etc/gantry/certs.d/${url.host}/ca.crt`,
    cause: error,
  });
}

function plainReason(error: Error): string {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ENOTFOUND') return 'no such host';
  if (code === 'EAI_AGAIN') return 'the name server does not answer';
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ECONNRESET') return 'the connection broke off';
  // Of several addresses that were tried.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  return printable(first instanceof Error ? first.message : error.message);
}
