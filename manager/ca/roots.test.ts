/** Roots that are made, that users give, and how one vouches for the next: verified by the TLS that nodes use. */
import { type webcrypto, X509Certificate } from 'node:crypto';
import { connect, createServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { newCertificateRequest } from '../../proto/certificate-request.ts';
import type { RootCa } from '../../proto/generated/gantry/v1/types.ts';
import { pemOf } from '../../proto/root-certificates.ts';
import { x509 } from '../../proto/x509.ts';
import { signCertificate, verifyRequest } from './certificates.ts';
import { crossCertificate, givenRootCa, newRootCa, successorOf } from './roots.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PEER = { nodeId: 'n1', role: 'worker', clusterId: 'c1' } as const;

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const P384 = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' } as const;
const rsa = (modulusLength: number) =>
  ({ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength, publicExponent: new Uint8Array([1, 0, 1]) }) as const;

let made = 0;
/** As a user would make one, for 400 days. */
async function ownRoot(
  algorithm: typeof P256 | typeof P384 | ReturnType<typeof rsa>,
  constraints = new x509.BasicConstraintsExtension(true, undefined, true),
  isNamed = true,
): Promise<RootCa> {
  made += 1;
  const keys = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=Own root ${made}`,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 1000),
    notAfter: new Date(Date.now() + 400 * DAY_MS),
    extensions: [
      constraints,
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ...(isNamed ? [await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)] : []),
    ],
  });
  const key = x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { certificate: certificate.toString('pem'), key };
}

async function issued(root: RootCa, cross = '', lifeMs = DAY_MS) {
  const { keyPem, requestPem } = await newCertificateRequest();
  const { publicKey } = await verifyRequest(requestPem);
  const certificate = await signCertificate(root, publicKey, PEER, Date.now(), lifeMs);
  return { cert: pemOf([certificate]) + cross, key: keyPem };
}

/** Whether a TLS client that trusts these takes a server with that certificate. */
async function isTaken(shown: { cert: string; key: string }, trusted: readonly string[]): Promise<boolean> {
  const server = createServer({ ...shown, minVersion: 'TLSv1.3' }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const socket = connect({ port, host: '127.0.0.1', ca: pemOf(trusted), checkServerIdentity: () => undefined });
  try {
    return await new Promise((resolve) => {
      socket.once('secureConnect', () => resolve(socket.authorized));
      socket.once('error', () => resolve(false));
    });
  } finally {
    socket.destroy();
    server.close();
  }
}

describe('a cross certificate', () => {
  it.each([
    ['a root of its own making', (old: RootCa) => successorOf(old, Date.now())],
    ['a root that the user gives', async () => givenRootCa(...given(await ownRoot(P384)))],
    ['an RSA root that the user gives', async () => givenRootCa(...given(await ownRoot(rsa(2048))))],
  ])('lets who trusts only the old root take what comes from %s', async (_name, make) => {
    const old = await newRootCa('c1', Date.now());
    const next = await make(old);
    const cross = await crossCertificate(old, next, Date.now());
    const shown = await issued(next, cross);
    expect(await isTaken(shown, [old.certificate])).toBe(true);
    expect(await isTaken(shown, [next.certificate])).toBe(true);
    expect(await isTaken(shown, [old.certificate, next.certificate])).toBe(true);
    expect(await isTaken(await issued(next), [old.certificate])).toBe(false);
    expect(await isTaken(await issued(old), [next.certificate])).toBe(false);
    expect(await isTaken(await issued(old), [old.certificate, next.certificate])).toBe(true);
  });

  it('is given by a root that allows no authority below it to one of its own name, and refused to others', async () => {
    const strict = givenRootCa(...given(await ownRoot(P256, new x509.BasicConstraintsExtension(true, 0, true))));
    const next = await successorOf(strict, Date.now());
    const shown = await issued(next, await crossCertificate(strict, next, Date.now()));
    expect(await isTaken(shown, [strict.certificate])).toBe(true);
    const other = givenRootCa(...given(await ownRoot(P256)));
    await expect(crossCertificate(strict, other, Date.now())).rejects.toMatchObject({
      code: 'WRONG_STATE',
      hint: expect.stringContaining('in two steps'),
    });
  });
});

type Given = [certificate: string, key: string, nowMs: number, lifeMs: number];
const given = ({ certificate, key }: RootCa, lifeMs = 90 * DAY_MS): Given => [certificate, key, Date.now(), lifeMs];

describe('a root that the user gives', () => {
  it.each([
    ['nothing', async (): Promise<Given> => given({ certificate: '', key: '' }), 'there is no certificate in it'],
    ['several', async (): Promise<Given> => given(twice(await ownRoot(P256))), 'there are several certificates'],
    [
      'another key',
      async () => given({ ...(await ownRoot(P256)), key: (await ownRoot(P256)).key }),
      "the key is not the certificate's",
    ],
    ['no key', async (): Promise<Given> => given({ ...(await ownRoot(P256)), key: 'x' }), 'the key cannot be read'],
    ['a small key', async (): Promise<Given> => given(await ownRoot(rsa(1024))), 'its key is of another kind'],
    [
      'no authority',
      async () => given(await ownRoot(P256, new x509.BasicConstraintsExtension(false))),
      'it is none of an authority',
    ],
    [
      'a key without a name',
      async () => given(await ownRoot(P256, undefined, false)),
      'it does not say which key it is of',
    ],
    [
      'one that ends soon',
      async (): Promise<Given> => given(await ownRoot(P256), 500 * DAY_MS),
      'before the certificates would',
    ],
    ['one of later', async (): Promise<Given> => early(await ownRoot(P256)), 'it is valid only from'],
  ])('is refused: %s', async (_name, make, why) => {
    const args = await make();
    expect(() => givenRootCa(...args)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(why) }),
    );
  });

  it('ends before its certificates never', async () => {
    const root = givenRootCa(...given(await ownRoot(P256)));
    const { validTo } = new X509Certificate((await issued(root, '', 4000 * DAY_MS)).cert);
    expect(Date.parse(validTo)).toBeLessThan(Date.now() + 401 * DAY_MS);
  });
});

function twice({ certificate, key }: RootCa): RootCa {
  return { certificate: certificate + certificate, key };
}

function early({ certificate, key }: RootCa): Given {
  return [certificate, key, Date.now() - DAY_MS, HOUR_MS];
}
