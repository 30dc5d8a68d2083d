/**
 * An id for each gRPC call, by which its lines in the logs of all that took part are found: of whoever made the call, in
 * the metadata `x-request-id`, or else made by the first server.
 */
import { type Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { newObjectId, type RandomBytes } from './ids.ts';

const REQUEST_ID = 'x-request-id';
/** What others may call a request: nothing that makes a line of the log hard to read. */
const REQUEST_ID_FORM = /^[\w.:/+=-]{1,128}$/;

export interface CallLogOptions {
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  readonly random: RandomBytes;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** What only a defect ends with: an answer like these isn't what the caller did wrong. */
const DEFECTS: ReadonlySet<status> = new Set([status.INTERNAL, status.UNKNOWN, status.DATA_LOSS]);

/** Gives each call its id, and logs how it ended: on level debug, or warn when the fault isn't the caller's. */
export function callLog({ logger, random, now }: CallLogOptions): ServerInterceptor {
  return ({ path }, call) => {
    const beginMs = now();
    let requestId = '';
    let isLogged = false;
    const ended = (code: status, details: string) => {
      // A call that has its status is cancelled, too, when its stream is closed.
      if (isLogged) return;
      isLogged = true;
      const level = DEFECTS.has(code) ? 'warn' : 'debug';
      const error = code === status.OK ? undefined : details;
      logger[level]({ requestId, method: path, code: status[code], error, tookMs: now() - beginMs }, 'call ended');
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            requestId = requestIdOf(metadata) ?? newObjectId(random);
            metadata.set(REQUEST_ID, requestId);
            pass(metadata);
          },
          onCancel: () => ended(status.CANCELLED, ''),
        }),
      sendStatus: (end, pass) => {
        ended(end.code ?? status.OK, end.details ?? '');
        pass(end);
      },
    });
  };
}

/** Undefined where it has none, or none that can be used. */
export function requestIdOf(metadata: Metadata): string | undefined {
  const [given] = metadata.get(REQUEST_ID);
  return typeof given === 'string' && REQUEST_ID_FORM.test(given) ? given : undefined;
}

/** What is called on behalf of a call has the id of that. */
export function passRequestId(from: Metadata, to: Metadata): void {
  const id = requestIdOf(from);
  if (id !== undefined) to.set(REQUEST_ID, id);
}
