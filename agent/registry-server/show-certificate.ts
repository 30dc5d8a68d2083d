/** Another certificate for a server that runs. */
import type { SecureContextOptions } from 'node:tls';
import type { FastifyInstance } from 'fastify';

/** Shows it to connections from now on; those that there are go on. */
export function showCertificate(server: FastifyInstance | undefined, options: SecureContextOptions): void {
  // Fastify's type is that of a server without TLS.
  const secure = server?.server as unknown as { setSecureContext(options: SecureContextOptions): void } | undefined;
  secure?.setSecureContext(options);
}
