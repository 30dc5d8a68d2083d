/**
 * How a node shows that an expired certificate is its own: TLS takes it no more, so it signs what it asks for with the
 * certificate's key (ECDSA on P-256 with SHA-256, as all keys of the cluster).
 */
import { createPrivateKey, sign, verify, type X509Certificate } from 'node:crypto';

/** What is signed says what for: no other signature of the key can be taken for it. */
const PURPOSE = 'gantry: renew an expired certificate\n';

/** `requestPem`: the PKCS #10 request for the new certificate. */
export function proveOwnership(requestPem: string, keyPem: string): Buffer {
  return sign('sha256', Buffer.from(PURPOSE + requestPem), createPrivateKey(keyPem));
}

export function isOwner(certificate: X509Certificate, requestPem: string, proof: Uint8Array): boolean {
  return verify('sha256', Buffer.from(PURPOSE + requestPem), certificate.publicKey, proof);
}
