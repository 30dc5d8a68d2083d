/**
 * Join tokens: GNTKN-1-DIGEST-SECRET, both in base 36. The digest is that of the CA's certificate, so that a node knows whom
 * it talks to before it says the secret; the secret says that the node may join, and in which role.
 */
import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import { GantryError } from './errors.ts';
import type { JoinTokens } from './generated/gantry/v1/types.ts';
import type { RandomBytes } from './ids.ts';

const TOKEN = /^GNTKN-1-([0-9a-z]{50})-([0-9a-z]{25})$/;
/** Digits of 256 bits, and of 128. */
const DIGEST_DIGITS = 50;
const SECRET_DIGITS = 25;

export function newJoinToken(caPem: string, random: RandomBytes): string {
  return `GNTKN-1-${caDigest(caPem)}-${base36(random(16), SECRET_DIGITS)}`;
}

/** The tokens of both roles. */
export function newJoinTokens(caPem: string, random: RandomBytes): JoinTokens {
  return { worker: newJoinToken(caPem, random), manager: newJoinToken(caPem, random) };
}

/** Throws INVALID_ARGUMENT, which doesn't repeat what may be most of a token. */
export function checkTokenForm(token: string): void {
  if (TOKEN.test(token)) return;
  throw new GantryError('INVALID_ARGUMENT', 'this is not a join token', {
    hint: 'copy it whole, from GNTKN-1- on, from what "gantry cluster join-token" prints on a manager',
  });
}

/** Whether the certificate is of the CA that the token is of. */
export function isTokenOf(token: string, caPem: string): boolean {
  return TOKEN.exec(token)?.[1] === caDigest(caPem);
}

/** Takes the same time wherever the two differ. */
export function isSameToken(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

/** SHA-256 of the certificate as it is, whatever the PEM around it looks like. */
function caDigest(caPem: string): string {
  const { raw } = new X509Certificate(caPem);
  return base36(createHash('sha256').update(raw).digest(), DIGEST_DIGITS);
}

function base36(bytes: Buffer, digits: number): string {
  return BigInt(`0x${bytes.toString('hex')}`)
    .toString(36)
    .padStart(digits, '0');
}
