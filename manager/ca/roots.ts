/** The roots of the cluster's certificates: made here, or given by the user, and vouched for by the one before. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { BACKDATED_MS } from '../../proto/certificate-life.ts';
import { GantryError } from '../../proto/errors.ts';
import type { RootCa } from '../../proto/generated/gantry/v1/types.ts';
import { certificatesIn, isIssuedBy } from '../../proto/root-certificates.ts';
import { KEY_ALGORITHM, SIGNING_ALGORITHM, x509 } from '../../proto/x509.ts';
import { ROOT_CERTIFICATE_LIFE_MS } from './certificate-life.ts';
import { algorithmOf, keyIdentifier, signerOf } from './signer.ts';

/** Each cluster's has a name of its own: a certificate of another one isn't even tried. */
export function newRootCa(clusterId: string, nowMs: number): Promise<RootCa> {
  return makeRoot([{ CN: ['gantry-ca'] }, { O: [clusterId] }], nowMs);
}

/**
 * Of the same name, so that the present one can vouch for it whatever it says of authorities below it: those of its own
 * name don't count (RFC 5280, section 4.2.1.9, self-issued).
 */
export function successorOf(present: RootCa, nowMs: number): Promise<RootCa> {
  return makeRoot(new x509.X509Certificate(present.certificate).subjectName, nowMs);
}

async function makeRoot(name: x509.Name | x509.JsonName, nowMs: number): Promise<RootCa> {
  const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    signingAlgorithm: SIGNING_ALGORITHM,
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + ROOT_CERTIFICATE_LIFE_MS),
    extensions: [
      // One further authority below it: the one that takes its place.
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const key = x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { certificate: certificate.toString('pem'), key };
}

/**
 * The user's own root and its key, in PEM. INVALID_ARGUMENT when the cluster's certificates couldn't come from it;
 * `lifeMs`: how long those are valid.
 */
export function givenRootCa(certificatePem: string, keyPem: string, nowMs: number, lifeMs: number): RootCa {
  const [pem, ...others] = certificatesIn(certificatePem);
  if (pem === undefined) throw unusable('there is no certificate in it', 'give it in PEM');
  if (others.length > 0) throw unusable('there are several certificates in it', 'give that of the root alone');
  const certificate = parseCertificate(pem);
  const key = parseKey(keyPem);
  if (!certificate.checkPrivateKey(key))
    throw unusable("the key is not the certificate's", 'give those of one authority');
  if (!certificate.ca || !signsCertificates(pem)) {
    throw unusable('it is none of an authority', 'make one with basicConstraints CA:TRUE and keyUsage keyCertSign');
  }
  if (!isIssuedBy(certificate, certificate)) {
    throw unusable('it is not self-signed', 'give a root of its own: nodes trust nothing above it');
  }
  if (algorithmOf(key) === undefined) {
    throw unusable(
      'its key is of another kind',
      'make one with ECDSA on P-256, P-384 or P-521, or RSA of 2048 bits or more',
    );
  }
  // Its successor has the same name: without this, nodes couldn't tell which of the two has signed.
  if (new x509.X509Certificate(pem).getExtension(x509.SubjectKeyIdentifierExtension) === null) {
    throw unusable('it does not say which key it is of', 'make one with the extension subjectKeyIdentifier');
  }
  checkValidity(certificate, nowMs, lifeMs);
  return { certificate: `${pem}\n`, key: key.export({ format: 'pem', type: 'pkcs8' }).toString() };
}

function parseCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw unusable('the certificate cannot be read', 'give it in PEM', cause);
  }
}

function parseKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw unusable('the key cannot be read', 'give it in PEM, and without a passphrase', cause);
  }
}

/** Where the extension is missing, a certificate may be used for everything. */
function signsCertificates(pem: string): boolean {
  const usage = new x509.X509Certificate(pem).getExtension(x509.KeyUsagesExtension);
  return usage === null || (usage.usages & x509.KeyUsageFlags.keyCertSign) !== 0;
}

function checkValidity({ validFromDate, validToDate }: X509Certificate, nowMs: number, lifeMs: number): void {
  if (nowMs < validFromDate.getTime()) {
    throw unusable(
      `it is valid only from ${validFromDate.toISOString()} on`,
      "compare the clocks of this cluster's managers",
    );
  }
  if (nowMs + lifeMs <= validToDate.getTime()) return;
  throw unusable(
    `it ends on ${validToDate.toISOString()}, before the certificates would that it is to sign`,
    'make one that is valid for longer, or give nodes shorter certificates with --cert-expiry',
  );
}

function unusable(why: string, hint: string, cause?: unknown): GantryError {
  return new GantryError('INVALID_ARGUMENT', `cannot use the certificate as the cluster's root: ${why}`, {
    hint,
    cause,
  });
}

/**
 * The next root's name and key, certified by the present one: whoever trusts only that can verify what comes from the next.
 * WRONG_STATE when the present root must not vouch for one of another name.
 */
export async function crossCertificate(present: RootCa, next: RootCa, nowMs: number): Promise<string> {
  const { ca, key, algorithm } = await signerOf(present);
  const root = new x509.X509Certificate(next.certificate);
  checkMayVouch(ca, root);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: root.subjectName,
    issuer: ca.subjectName,
    notBefore: new Date(Math.max(nowMs - BACKDATED_MS, root.notBefore.getTime())),
    notAfter: new Date(Math.min(ca.notAfter.getTime(), root.notAfter.getTime())),
    publicKey: root.publicKey,
    signingKey: key,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.SubjectKeyIdentifierExtension(await keyIdentifier(root)),
      new x509.AuthorityKeyIdentifierExtension(await keyIdentifier(ca)),
    ],
  });
  return certificate.toString('pem');
}

function checkMayVouch(present: x509.X509Certificate, next: x509.X509Certificate): void {
  const below = present.getExtension(x509.BasicConstraintsExtension)?.pathLength;
  if (below !== 0 || present.subject === next.subject) return;
  throw new GantryError(
    'WRONG_STATE',
    "the cluster's present root must not vouch for another authority, as its certificate says",
    {
      hint: 'go there in two steps: "gantry cluster ca --rotate" without files first, and then with them',
    },
  );
}
