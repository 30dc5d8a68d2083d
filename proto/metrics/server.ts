/**
 * /metrics, /healthz and /readyz of one process. Here because agent and manager have no other code in common; imported
 * only when somebody wants metrics, so that nobody else waits for its packages, or keeps them in memory.
 */
import fastify, { type FastifyInstance } from 'fastify';
import { parseListenAddress } from '../address.ts';
import { GantryError, toGantryError } from '../errors.ts';
import type { Readiness } from './reading.ts';

/** What is shown. */
export interface Observed {
  /** In `contentType`. */
  metrics(): Promise<string>;
  readonly contentType: string;
  readiness(): Readiness;
  /** Something couldn't be shown. */
  onError(error: GantryError): void;
}

export interface MetricsServer {
  close(): Promise<void>;
}

/**
 * Listens on IP:PORT. `option`: what the user has given the address with, for messages. Rejects with PORT_IN_USE when
 * another process listens there, INVALID_ARGUMENT when it isn't an address of this host.
 */
export async function serveMetrics(address: string, option: string, observed: Observed): Promise<MetricsServer> {
  const server = routes(observed);
  try {
    await server.listen(parseListenAddress(address));
  } catch (cause) {
    await server.close();
    throw listenError(address, option, cause);
  }
  return { close: () => server.close() };
}

function routes(observed: Observed): FastifyInstance {
  // Who scrapes keeps its connection: that isn't waited for at the end.
  const server = fastify({ forceCloseConnections: true });
  server.get('/healthz', () => ({ status: 'ok' }));
  server.get('/readyz', (_request, reply) => {
    const readiness = observed.readiness();
    if (readiness.ready) return reply.send({ status: 'ok' });
    return reply.code(503).send({ status: 'unready', reason: readiness.reason });
  });
  server.get('/metrics', async (_request, reply) => {
    const text = await observed.metrics();
    return reply.type(observed.contentType).send(text);
  });
  server.setErrorHandler((thrown, _request, reply) => {
    const error = toGantryError(thrown);
    observed.onError(error);
    return reply.code(500).send({ status: 'error', reason: error.message });
  });
  server.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ status: 'error', reason: 'there are /metrics, /healthz and /readyz, for GET' }),
  );
  return server;
}

function listenError(address: string, option: string, cause: unknown): GantryError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const what = `${option}: cannot listen on ${address}`;
  if (code === 'EADDRINUSE') {
    const hint = `stop what holds the port, or choose another with ${option}`;
    return new GantryError('PORT_IN_USE', `${what}: another process does`, { hint, cause });
  }
  if (code === 'EADDRNOTAVAIL') {
    const hint = `give ${option} an address of this host`;
    return new GantryError('INVALID_ARGUMENT', `${what}: this host has no such address`, { hint, cause });
  }
  return new GantryError('HOST', `${what}: ${toGantryError(cause).message}`, { cause });
}
