/** Makes certificates for clients: for their end of a connection only, and of no node. */
import type { RemoteClient } from '../../proto/client-certificate.ts';
import { CLIENT_UNIT } from '../../proto/client-certificate.ts';
import type { RootCa } from '../../proto/generated/gantry/v1/types.ts';
import { SIGNING_ALGORITHM, x509 } from '../../proto/x509.ts';
import { CLOCK_SKEW_MS } from './certificate-life.ts';
import { signingKey } from './certificates.ts';

/** In PEM; valid until `untilMs`. */
export async function signClientCertificate(
  root: RootCa,
  publicKey: x509.PublicKey,
  { name, serial, clusterId }: RemoteClient,
  { nowMs, untilMs }: { readonly nowMs: number; readonly untilMs: number },
): Promise<string> {
  const ca = new x509.X509Certificate(root.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject: [{ CN: [name] }, { OU: [CLIENT_UNIT] }, { O: [clusterId] }],
    issuer: ca.subjectName,
    notBefore: new Date(nowMs - CLOCK_SKEW_MS),
    notAfter: new Date(untilMs),
    publicKey,
    signingKey: await signingKey(root),
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey),
    ],
  });
  return certificate.toString('pem');
}
