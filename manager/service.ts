/** A gRPC service of a manager, and who may call it from another host. */
import type { ServerUnaryCall, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { requestIdOf } from '../proto/call-log.ts';
import { GantryError, toServiceError } from '../proto/errors.ts';
import type { ClientCalls } from './clients/client-calls.ts';
import type { Permission } from './clients/permissions.ts';
import { type Caller, type ClientCaller, remoteCaller } from './forwarding/caller.ts';

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
    return denied("the caller shows no certificate of this cluster's authority that is valid now", {
      hint: 'it may have expired, be of another cluster, or of an authority that was rotated: a manager gives another with "gantry client create NAME"',
    });
  }
  const { nodeId, role, clusterId } = caller;
  if (clusterId !== known.clusterId()) return denied(`node ${nodeId} is of another cluster`);
  if (known.isRemoved(nodeId)) {
    return new GantryError('NOT_IN_CLUSTER', `node ${nodeId} was removed from this cluster`, {
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

export interface Guards {
  readonly known: KnownNodes;
  readonly clients: ClientCalls;
  readonly logger: Logger;
}

/** The service as it is served to other hosts: each call is refused, and logged, before anything of it is looked at. */
export function guarded(service: ManagerService, { known, clients, logger }: Guards): ManagerService {
  const guard = (name: string, handler: Handler): Handler => {
    const needed = service.permissions?.[name];
    return (call, callback) => {
      const caller = remoteCaller(call);
      const about = { caller, from: call.getPeer(), requestId: requestIdOf(call.metadata), method: call.getPath() };
      const isClient = caller.kind === 'client';
      const error = isClient ? clients.refusal(caller, needed) : refusal(service.access, caller, known);
      if (error !== undefined) {
        logger.warn({ ...about, reason: error.message }, 'call refused');
        return fail(call, callback, error);
      }
      if (!isClient) return handler(call, callback);
      if (needed === 'admin' && !caller.forwarded) logger.info(about, 'called from afar');
      handler(call, endWithCertificate(clients, caller, call, callback));
    };
  };
  const handlers = Object.entries(service.implementation) as [string, Handler][];
  const implementation = Object.fromEntries(handlers.map(([name, handler]) => [name, guard(name, handler)]));
  return { ...service, implementation: implementation as UntypedServiceImplementation };
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
