/** An authority's key made ready to sign. Importing it takes longer than signing with it: it is kept as long as the root is. */
import { createPrivateKey, type KeyObject, type webcrypto } from 'node:crypto';
import type { RootCa } from '../../proto/generated/gantry/v1/types.ts';
import { x509 } from '../../proto/x509.ts';

export interface Signer {
  readonly ca: x509.X509Certificate;
  readonly key: webcrypto.CryptoKey;
  readonly algorithm: SigningAlgorithm;
}

export interface SigningAlgorithm {
  readonly name: 'ECDSA' | 'RSASSA-PKCS1-v1_5';
  readonly hash: 'SHA-256' | 'SHA-384' | 'SHA-512';
}

const signers = new WeakMap<RootCa, Promise<Signer>>();

export function signerOf(root: RootCa): Promise<Signer> {
  const known = signers.get(root);
  if (known !== undefined) return known;
  const made = makeSigner(root);
  signers.set(root, made);
  return made;
}

async function makeSigner({ certificate, key }: RootCa): Promise<Signer> {
  const privateKey = createPrivateKey(key);
  const algorithm = algorithmOf(privateKey);
  if (algorithm === undefined) throw new Error('the authority has a key of a kind that it cannot sign with');
  const { import: parameters, signing } = algorithm;
  const bytes = privateKey.export({ format: 'der', type: 'pkcs8' });
  const imported = await crypto.subtle.importKey('pkcs8', bytes, parameters, false, ['sign']);
  return { ca: new x509.X509Certificate(certificate), key: imported, algorithm: signing };
}

const CURVES: Readonly<Record<string, { readonly name: string; readonly hash: SigningAlgorithm['hash'] }>> = {
  prime256v1: { name: 'P-256', hash: 'SHA-256' },
  secp384r1: { name: 'P-384', hash: 'SHA-384' },
  secp521r1: { name: 'P-521', hash: 'SHA-512' },
};
const LEAST_RSA_BITS = 2048;

/** Undefined: a kind of key, or a size, that isn't used here. */
export function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject) {
  if (asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= LEAST_RSA_BITS) {
    const signing: SigningAlgorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    return { import: signing, signing };
  }
  const curve = asymmetricKeyType === 'ec' ? CURVES[asymmetricKeyDetails?.namedCurve ?? ''] : undefined;
  if (curve === undefined) return undefined;
  const signing: SigningAlgorithm = { name: 'ECDSA', hash: curve.hash };
  return { import: { name: 'ECDSA', namedCurve: curve.name }, signing };
}

/** By which what the authority signs names its key: as it does itself, where it does. */
export async function keyIdentifier(ca: x509.X509Certificate): Promise<string> {
  const own = ca.getExtension(x509.SubjectKeyIdentifierExtension);
  return own?.keyId ?? (await x509.SubjectKeyIdentifierExtension.create(ca.publicKey)).keyId;
}
