/** Makes certificates: that of the CA, and those of nodes. Time is passed in; the keys come from the system's randomness. */
import { createHash, type webcrypto } from 'node:crypto';
import { GantryError } from '../../proto/errors.ts';
import type { RootCa } from '../../proto/generated/gantry/v1/types.ts';
import { type Peer, ROLE_UNITS } from '../../proto/tls.ts';
import { KEY_ALGORITHM, SIGNING_ALGORITHM, x509 } from '../../proto/x509.ts';
import { CLOCK_SKEW_MS, NODE_CERTIFICATE_LIFE_MS, ROOT_CERTIFICATE_LIFE_MS } from './certificate-life.ts';

export async function newRootCa(clusterId: string, nowMs: number): Promise<RootCa> {
  const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // Each cluster's has a name of its own: a certificate of another one isn't even tried.
    name: [{ CN: ['gantry-ca'] }, { O: [clusterId] }],
    keys,
    signingAlgorithm: SIGNING_ALGORITHM,
    notBefore: new Date(nowMs - CLOCK_SKEW_MS),
    notAfter: new Date(nowMs + ROOT_CERTIFICATE_LIFE_MS),
    extensions: [
      // No further authorities below it.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const key = x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { certificate: certificate.toString('pem'), key };
}

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

/** A certificate in PEM, for servers and clients, made out to the peer. */
export async function signCertificate(
  root: RootCa,
  publicKey: x509.PublicKey,
  { nodeId, role, clusterId }: Peer,
  nowMs: number,
): Promise<string> {
  const ca = new x509.X509Certificate(root.certificate);
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [nodeId] }, { OU: [ROLE_UNITS[role]] }, { O: [clusterId] }],
    issuer: ca.subjectName,
    notBefore: new Date(nowMs - CLOCK_SKEW_MS),
    notAfter: new Date(nowMs + NODE_CERTIFICATE_LIFE_MS),
    publicKey,
    signingKey: await signingKey(root),
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([serverAuth, clientAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey),
    ],
  });
  return certificate.toString('pem');
}

export function signingKey({ key }: RootCa): Promise<webcrypto.CryptoKey> {
  const bytes = x509.PemConverter.decodeFirst(key);
  return crypto.subtle.importKey('pkcs8', bytes, KEY_ALGORITHM, false, ['sign']);
}
