/** Makes the certificates of nodes. Time is passed in; the keys come from the system's randomness. */
import { createHash } from 'node:crypto';
import { BACKDATED_MS, NODE_CERTIFICATE_LIFE_MS } from '../../proto/certificate-life.ts';
import { GantryError } from '../../proto/errors.ts';
import type { RootCa } from '../../proto/generated/gantry/v1/types.ts';
import { type Peer, ROLE_UNITS } from '../../proto/tls.ts';
import { KEY_ALGORITHM, x509 } from '../../proto/x509.ts';
import { keyIdentifier, signerOf } from './signer.ts';

/** A request whose sender has shown that the key is its own. */
export interface VerifiedRequest {
  readonly publicKey: x509.PublicKey;
  /** SHA-256 of the public key. */
  readonly keyDigest: Buffer;
}

/** Throws INVALID_ARGUMENT. */
export async function verifyRequest(requestPem: string): Promise<VerifiedRequest> {
  const request = parseRequest(requestPem);
  if (!(await request.verify())) throw invalidRequest('it is not signed with its own key');
  const { publicKey } = request;
  const { name, namedCurve } = publicKey.algorithm as { name: string; namedCurve?: string };
  if (name !== KEY_ALGORITHM.name || namedCurve !== KEY_ALGORITHM.namedCurve) {
    throw invalidRequest('its key is none of ECDSA on P-256');
  }
  return { publicKey, keyDigest: createHash('sha256').update(Buffer.from(publicKey.rawData)).digest() };
}

function parseRequest(requestPem: string): x509.Pkcs10CertificateRequest {
  try {
    return new x509.Pkcs10CertificateRequest(requestPem);
  } catch (cause) {
    throw invalidRequest('it is no PKCS #10', cause);
  }
}

function invalidRequest(why: string, cause?: unknown): GantryError {
  return new GantryError('INVALID_ARGUMENT', `cannot sign the request for a certificate: ${why}`, { cause });
}

/** A certificate in PEM, for servers and clients, made out to the peer. It ends no later than the root does. */
export async function signCertificate(
  root: RootCa,
  publicKey: x509.PublicKey,
  { nodeId, role, clusterId }: Peer,
  nowMs: number,
  lifeMs = NODE_CERTIFICATE_LIFE_MS,
): Promise<string> {
  const { ca, key, algorithm } = await signerOf(root);
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [nodeId] }, { OU: [ROLE_UNITS[role]] }, { O: [clusterId] }],
    issuer: ca.subjectName,
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(Math.min(nowMs + lifeMs, ca.notAfter.getTime())),
    publicKey,
    signingKey: key,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([serverAuth, clientAuth]),
      new x509.AuthorityKeyIdentifierExtension(await keyIdentifier(ca)),
    ],
  });
  return certificate.toString('pem');
}
