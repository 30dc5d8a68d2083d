/** Connections to gantryd: opened for one action, closed after it, with errors that say what to do. */

import {
  type CallOptions,
  type ClientUnaryCall,
  type ClientWritableStream,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { parseAddress } from '../proto/address.ts';
import { type ClientConstructor, connectClient, send, unary } from '../proto/client.ts';
import { fromServiceError, GantryError } from '../proto/errors.ts';
import type { Cli } from './cli.ts';
import { daemonOf } from './context/daemon.ts';
import { brokenConnection, CliError } from './failure.ts';

/** Runs the action with a client of one of the daemon's services. */
export async function withClient<C extends { close(): void }, Result>(
  Client: ClientConstructor<C>,
  cli: Cli,
  action: (client: C) => Promise<Result>,
): Promise<Result> {
  const daemon = daemonOf(cli);
  if (daemon.kind === 'remote') {
    const { withRemoteClient } = await import('./remote-connection.ts');
    return await withRemoteClient(Client, cli, daemon, action);
  }
  const client = connectClient(Client, parseAddress(daemon.host));
  try {
    return await action(client);
  } catch (error) {
    throw explainUnreachable(error, daemon.host);
  } finally {
    client.close();
  }
}

type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  done: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** One call: `ask(engine, engine.imageTag, { source, target })`. Rejects with a GantryError. */
export function ask<Request, Response>(
  client: object,
  method: UnaryMethod<Request, Response>,
  request: Request,
): Promise<Response> {
  return unary<Response>((done) => method.call(client, request, new Metadata(), {}, done));
}

/** Sends all messages, then waits for the answer. An answer that comes early (a refusal) ends the sending. */
export async function upload<Request, Response>(
  start: (done: (error: ServiceError | null, response: Response) => void) => ClientWritableStream<Request>,
  messages: AsyncIterable<Request>,
): Promise<Response> {
  const answer = Promise.withResolvers<Response>();
  const call = start((error, response) => {
    if (error === null) answer.resolve(response);
    else answer.reject(fromServiceError(error));
  });
  const sending = sendAll(call, messages);
  // Whichever fails first is the reason; the other's end is of no interest then.
  answer.promise.catch(() => undefined);
  try {
    await Promise.race([sending, answer.promise]);
    return await answer.promise;
  } catch (error) {
    call.cancel();
    sending.catch(() => undefined);
    throw error;
  }
}

async function sendAll<Request>(call: ClientWritableStream<Request>, messages: AsyncIterable<Request>): Promise<void> {
  for await (const message of messages) {
    if (!(await send(call, message))) return;
  }
  call.end();
}

/** An error of the connection itself as what the user can do about it; any other as it is. */
function explainUnreachable(error: unknown, host: string): unknown {
  const details = brokenConnection(error);
  if (details === undefined) return error;
  if (/EACCES|EPERM/.test(details)) {
    return new CliError(`permission denied on ${host}`, { hint: 'run gantry as root, or as a member of its group' });
  }
  if (/No connection established|ENOENT|ECONNREFUSED/.test(details)) {
    return new GantryError('UNAVAILABLE', `cannot connect to gantryd at ${host}`, {
      hint: 'is it running? start it with `npm start` or `gantryd`',
      cause: error,
    });
  }
  return new GantryError('UNAVAILABLE', `lost the connection to gantryd at ${host}: ${details}`, { cause: error });
}
