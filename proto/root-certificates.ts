/** Certificates of authorities: several of them in one PEM text, and by what they are called. */
import { createHash, X509Certificate } from 'node:crypto';
import type { NodeTls } from './generated/gantry/v1/types.ts';
import type { NodeIdentity } from './tls.ts';

/** Each certificate in the text, in PEM. */
export function certificatesIn(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

/** The certificates as one text. */
export function pemOf(certificates: readonly string[]): string {
  return certificates.map((pem) => `${pem.trim()}\n`).join('');
}

/** What a root is called where it is compared or shown: SHA-256 of the certificate as it is, whatever the PEM looks like. */
export function rootDigest(pem: string): string {
  return digestOf(new X509Certificate(pem));
}

/** What the identity trusts, and whom it has its certificate from. */
export function tlsOf({ caPem, certPem }: Pick<NodeIdentity, 'caPem' | 'certPem'>): NodeTls {
  const roots = certificatesIn(caPem).map((pem) => new X509Certificate(pem));
  const certificate = new X509Certificate(certPem);
  const issuer = roots.find((root) => isIssuedBy(certificate, root));
  return { trustedRoots: roots.map(digestOf), issuer: issuer === undefined ? '' : digestOf(issuer) };
}

/** Whether the authority has signed the certificate; when either is valid is not looked at. */
export function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

/** Whether both trust the same roots, in whatever order. */
export function sameRoots(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && new Set([...a, ...b]).size === a.length;
}

function digestOf({ raw }: X509Certificate): string {
  return `sha256:${createHash('sha256').update(raw).digest('hex')}`;
}
