/** A gRPC service of a manager, and who may call it from another host. */
import type { ServerUnaryCall, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { requestIdOf } from '../proto/call-log.ts';
import { type ErrorCode, fromServiceError, GantryError, toServiceError } from '../proto/errors.ts';
import type { ClientCalls } from './clients/client-calls.ts';
import type { Permission } from './clients/permissions.ts';
import type { Clock } from './clock.ts';
import { type Caller, type ClientCaller, remoteCaller } from './forwarding/caller.ts';
import { type Stranger, strangerOf } from './forwarding/stranger.ts';

/** `node`: any node of the cluster, in its own name; what that is the service checks itself. `client`: no node. */
export type Access = 'anybody' | 'node' | 'manager' | 'client';

export interface ManagerService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
  readonly access: Access;
  /** What clients may call from afar, by method name; without it nothing. */
  readonly permissions?: Readonly<Record<string, Permission>>;
}

/** What is known of callers, beside what their certificates say. */
export interface KnownNodes {
  /** This cluster's id; undefined: not known yet. */
  clusterId(): string | undefined;
  /** The node was removed from the cluster although its certificate may be valid. */
  isRemoved(nodeId: string): boolean;
}

type NonClient = Exclude<Caller, ClientCaller>;

/** Why somebody who is no client may not call a service; undefined: may. */
export function refusal(access: Access, caller: NonClient, known: KnownNodes): GantryError | undefined {
  if (access === 'anybody' || caller.kind === 'administrator') return undefined;
  if (caller.kind === 'nobody') {
    return denied('only nodes and clients of this cluster may call', {
      hint: 'from afar with a certificate of this cluster, which a manager gives with "gantry client create NAME"',
    });
  }
  const { nodeId, role, clusterId } = caller;
  if (clusterId !== known.clusterId()) return denied(`node ${nodeId} is of another cluster`);
  if (known.isRemoved(nodeId)) {
    return new GantryError('NODE_REMOVED', `node ${nodeId} was removed from this cluster`, {
      hint: 'leave the cluster and join again',
    });
  }
  if (access === 'client') return denied(`node ${nodeId} is no client`);
  if (access === 'manager' && role !== 'manager') return denied(`node ${nodeId} is not a manager`);
  return undefined;
}

function denied(why: string, options: { readonly hint?: string } = {}): GantryError {
  return new GantryError('PERMISSION_DENIED', `refused: ${why}`, options);
}

/** What calls of all four kinds have in common. */
type ServerCall = Pick<
  ServerUnaryCall<unknown, unknown>,
  'getPath' | 'getPeer' | 'getAuthContext' | 'metadata' | 'emit' | 'on'
>;
type Callback = (error: unknown, ...answer: unknown[]) => void;
type Handler = (call: ServerCall, callback?: Callback) => void;

/** What a service itself refuses, beside what its callers did wrong. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set(['PERMISSION_DENIED', 'NOT_IN_CLUSTER']);

export interface Guards {
  readonly known: KnownNodes;
  readonly clients: ClientCalls;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
}

/**
 * The service as it is served to other hosts: each call that may not be is refused before anything of it is looked at.
 * Whoever refuses it, this or the service, it is logged with who called from where.
 */
export function guarded(service: ManagerService, { known, clients, clock, logger }: Guards): ManagerService {
  const guard = (name: string, handler: Handler): Handler => {
    const needed = service.permissions?.[name];
    return (call, callback) => {
      const caller = remoteCaller(call);
      const stranger = caller.kind === 'nobody' ? strangerOf(call, known.clusterId(), clock.now()) : undefined;
      const about = { requestId: requestIdOf(call.metadata), method: call.getPath(), from: call.getPeer(), caller };
      const note = ({ message }: Error) => {
        logger.warn({ ...about, problem: stranger?.problem, reason: message }, 'call refused');
      };
      const isClient = caller.kind === 'client';
      const error = isClient ? clients.refusal(caller, needed) : refusal(service.access, caller, known);
      if (error !== undefined) {
        note(error);
        return fail(call, callback, explained(error, stranger));
      }
      const noted = noting(service, call, callback, note);
      if (!isClient) return handler(call, noted);
      if (needed === 'admin' && !caller.forwarded) logger.info(about, 'called from afar');
      handler(call, endWithCertificate(clients, caller, call, noted));
    };
  };
  const handlers = Object.entries(service.implementation) as [string, Handler][];
  const implementation = Object.fromEntries(handlers.map(([name, handler]) => [name, guard(name, handler)]));
  return { ...service, implementation: implementation as UntypedServiceImplementation };
}

/** Has it noted when the service itself refuses the call. Returns the callback for the handler. */
function noting(
  { access }: ManagerService,
  call: ServerCall,
  callback: Callback | undefined,
  note: (error: GantryError) => void,
): Callback | undefined {
  const ended = (thrown: unknown) => {
    const refused = fromServiceError(thrown);
    const isRefusal = access === 'anybody' ? refused.fault === 'user' : REFUSALS.has(refused.code);
    if (isRefusal) note(refused);
  };
  if (callback === undefined) {
    call.on('error', ended);
    return undefined;
  }
  return (thrown, ...answer) => {
    if (thrown !== null) ended(thrown);
    callback(thrown, ...answer);
  };
}

/** Who has a certificate is told what is wrong with it. */
function explained(error: GantryError, stranger: Stranger | undefined): GantryError {
  if (stranger === undefined) return error;
  const hint = stranger.hint === '' ? error.hint : stranger.hint;
  return new GantryError(error.code, `${error.message}: ${stranger.problem}`, { hint });
}

/** Breaks the call off once the certificate doesn't count any more. Returns the callback for the handler. */
function endWithCertificate(
  clients: ClientCalls,
  caller: ClientCaller,
  call: ServerCall,
  callback: Callback | undefined,
): Callback | undefined {
  const closed = clients.opened(caller, (reason) => {
    fail(call, answer, reason);
    // To the handler it is as if the client had gone: the error alone would wait for a client that reads nothing.
    call.emit('cancelled', 'cancelled');
  });
  let isAnswered = false;
  const answer: Callback | undefined =
    callback &&
    ((...result) => {
      closed();
      if (!isAnswered) callback(...result);
      isAnswered = true;
    });
  call.on('cancelled', closed);
  call.on('close', closed);
  return answer;
}

function fail(call: ServerCall, callback: Callback | undefined, error: GantryError): void {
  if (callback === undefined) call.emit('error', toServiceError(error));
  else callback(toServiceError(error));
}
