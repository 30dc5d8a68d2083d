/** For tests: TLS in front of a registry, and a proxy that leads to it by any name. */
import { createServer as createProxyServer, type Server } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { KEY_ALGORITHM, SIGNING_ALGORITHM, x509 } from '../../../proto/x509.ts';
import type { FakeRegistry } from './fake-registry.ts';

export const SECURE_HOST = 'registry.test';

export class SecureFront {
  /** What the proxy was asked for. */
  readonly proxied: string[] = [];
  readonly certificate: string;
  readonly #server: Server;
  readonly #proxy: Server;

  private constructor(registry: FakeRegistry, certificate: string, key: string) {
    this.certificate = certificate;
    this.#server = createServer(
      { cert: certificate, key },
      (request, response) => void registry.serve(request, response),
    );
    this.#proxy = createProxyServer().on('connect', ({ url = '' }, client) => {
      this.proxied.push(url);
      const upstream = connect(portOf(this.#server), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connected\r\n\r\n');
        upstream.pipe(client).pipe(upstream);
      });
      upstream.on('error', () => client.destroy());
      client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
    });
  }

  /** With a certificate for {@link SECURE_HOST} that is its own authority. */
  static async start(registry: FakeRegistry): Promise<SecureFront> {
    const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${SECURE_HOST}`,
      keys,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: SECURE_HOST }]),
      ],
    });
    const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
    const front = new SecureFront(
      registry,
      certificate.toString('pem'),
      x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
    );
    for (const server of [front.#server, front.#proxy]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    }
    return front;
  }

  get proxyUrl(): string {
    return `http://127.0.0.1:${portOf(this.#proxy)}`;
  }

  /** Without the proxy. */
  get host(): string {
    return `127.0.0.1:${portOf(this.#server)}`;
  }

  async stop(): Promise<void> {
    for (const server of [this.#proxy, this.#server]) {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    }
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
