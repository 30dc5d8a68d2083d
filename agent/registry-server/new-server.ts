/** A fastify instance for registries: all paths come to one handler, and bodies stay streams. */
import type { ServerOptions } from 'node:https';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { sendError, VERSION_HEADER } from './answers.ts';
import { RegistryError, toRegistryError } from './registry-error.ts';

export interface RegistryServerParts {
  /** Undefined for plain HTTP. */
  readonly tls: ServerOptions | undefined;
  handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>;
  /** It wasn't the client's fault. */
  onFailure(error: RegistryError, request: FastifyRequest): void;
}

/** An image may be unpacked before its push is answered, which takes longer than any pause of a client. */
const IDLE_CONNECTION_MS = 10 * 60_000;

export function newRegistryServer({ tls, handle, onFailure }: RegistryServerParts): FastifyInstance {
  const fail = (thrown: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const error = ofRequest(thrown) ?? toRegistryError(thrown, 'UNSUPPORTED');
    if (error.status >= 500) onFailure(error, request);
    // Clients read the answer when they have sent all, and a body that was begun isn't dropped by itself.
    request.raw.resume();
    return sendError(request, reply, error);
  };
  // Clients keep their connections: those aren't waited for at the end.
  const shared = {
    ...{ forceCloseConnections: true, connectionTimeout: IDLE_CONNECTION_MS, logger: false },
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) => void fail(error, request, reply),
  } as const;
  // Its type has the kind of server in it, which nobody here asks for.
  const server = (tls === undefined
    ? fastify(shared)
    : fastify({ ...shared, https: tls })) as unknown as FastifyInstance;
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, _body, done) => done(null));
  server.all('/*', async (request, reply) => {
    reply.headers(VERSION_HEADER);
    return await handle(request, reply);
  });
  server.setErrorHandler(fail);
  server.setNotFoundHandler((request, reply) =>
    fail(new RegistryError('UNSUPPORTED', `${request.method} isn't possible here`), request, reply),
  );
  return server;
}

/** What fastify itself refuses: a path or a content type that is none. Undefined for other errors. */
function ofRequest(thrown: unknown): RegistryError | undefined {
  if (!(thrown instanceof Error) || !('statusCode' in thrown) || typeof thrown.statusCode !== 'number')
    return undefined;
  const status = thrown.statusCode;
  return status >= 500 ? undefined : new RegistryError('UNSUPPORTED', thrown.message, { status, cause: thrown });
}
