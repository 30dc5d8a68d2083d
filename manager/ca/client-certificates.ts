/** Makes certificates for clients: for their end of a connection only, and of no node. */
import { BACKDATED_MS } from '../../proto/certificate-life.ts';
import type { RemoteClient } from '../../proto/client-certificate.ts';
import { CLIENT_UNIT } from '../../proto/client-certificate.ts';
import type { RootCa } from '../../proto/generated/gantry/v1/types.ts';
import { x509 } from '../../proto/x509.ts';
import { keyIdentifier, signerOf } from './signer.ts';

/** In PEM; valid until `untilMs`. */
export async function signClientCertificate(
  root: RootCa,
  publicKey: x509.PublicKey,
  { name, serial, clusterId }: RemoteClient,
  { nowMs, untilMs }: { readonly nowMs: number; readonly untilMs: number },
): Promise<string> {
  const { ca, key, algorithm } = await signerOf(root);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject: [{ CN: [name] }, { OU: [CLIENT_UNIT] }, { O: [clusterId] }],
    issuer: ca.subjectName,
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(Math.min(untilMs, ca.notAfter.getTime())),
    publicKey,
    signingKey: key,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      new x509.AuthorityKeyIdentifierExtension(await keyIdentifier(ca)),
    ],
  });
  return certificate.toString('pem');
}
