/** A node's first step to an identity: a key that stays where it is made, and the request for a certificate of it. */

export interface CertificateRequest {
  /** PKCS #8 in PEM. */
  readonly keyPem: string;
  /** PKCS #10 in PEM. Its subject says nothing: whom a certificate is made out to the CA decides. */
  readonly requestPem: string;
}

export async function newCertificateRequest(): Promise<CertificateRequest> {
  const { KEY_ALGORITHM, SIGNING_ALGORITHM, x509 } = await import('./x509.ts');
  const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: SIGNING_ALGORITHM });
  const key = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { keyPem: x509.PemConverter.encode(key, 'PRIVATE KEY'), requestPem: request.toString('pem') };
}
