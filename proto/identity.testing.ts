/** Identities of nodes for tests, of a CA that lasts as long as the test. */
import type { webcrypto } from 'node:crypto';
import { newCertificateRequest } from './certificate-request.ts';
import { CLIENT_UNIT } from './client-certificate.ts';
import { type NodeIdentity, type Peer, ROLE_UNITS } from './tls.ts';
import { KEY_ALGORITHM, SIGNING_ALGORITHM, x509 } from './x509.ts';

const HOUR_MS = 3_600_000;
/** Gives each a name of its own, as clusters have. */
let authorities = 0;

export class TestAuthority {
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #certificate: x509.X509Certificate;

  private constructor(keys: webcrypto.CryptoKeyPair, certificate: x509.X509Certificate) {
    this.#keys = keys;
    this.#certificate = certificate;
  }

  static async create(): Promise<TestAuthority> {
    authorities += 1;
    const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=test CA ${authorities}`,
      keys,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    });
    return new TestAuthority(keys, certificate);
  }

  get caPem(): string {
    return this.#certificate.toString('pem');
  }

  /** An identity for the next hour, or for `lifeMs`, which may be negative. */
  async issue(peer: Peer, lifeMs = HOUR_MS): Promise<NodeIdentity> {
    const { keyPem, requestPem } = await newCertificateRequest();
    return { caPem: this.caPem, certPem: await this.sign(requestPem, peer, lifeMs), keyPem };
  }

  sign(requestPem: string, { nodeId, role, clusterId }: Peer, lifeMs = HOUR_MS): Promise<string> {
    return this.#sign(requestPem, [{ CN: [nodeId] }, { OU: [ROLE_UNITS[role]] }, { O: [clusterId] }], lifeMs);
  }

  /** As a client's context has it. */
  async issueClient(name: string, clusterId: string, lifeMs = HOUR_MS): Promise<NodeIdentity> {
    const { keyPem, requestPem } = await newCertificateRequest();
    const certPem = await this.#sign(requestPem, [{ CN: [name] }, { OU: [CLIENT_UNIT] }, { O: [clusterId] }], lifeMs);
    return { caPem: this.caPem, certPem, keyPem };
  }

  async #sign(requestPem: string, subject: x509.JsonName, lifeMs: number): Promise<string> {
    const certificate = await x509.X509CertificateGenerator.create({
      subject,
      issuer: this.#certificate.subject,
      notBefore: new Date(Date.now() - 2 * HOUR_MS),
      notAfter: new Date(Date.now() + lifeMs),
      publicKey: new x509.Pkcs10CertificateRequest(requestPem).publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: SIGNING_ALGORITHM,
    });
    return certificate.toString('pem');
  }
}
