/** A gRPC service of a manager, and who may call it from another node. */
import type { ServerUnaryCall, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { requestIdOf } from '../proto/call-log.ts';
import { GantryError, toServiceError } from '../proto/errors.ts';
import { type Caller, remoteCaller } from './forwarding/caller.ts';

/** `node`: any node of the cluster, in its own name; what that is the service checks itself. */
export type Access = 'anybody' | 'node' | 'manager';

export interface ManagerService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
  readonly access: Access;
}

/** What is known of callers, beside what their certificates say. */
export interface KnownNodes {
  /** This cluster's id; undefined: not known yet. */
  clusterId(): string | undefined;
  /** The node was removed from the cluster although its certificate may be valid. */
  isRemoved(nodeId: string): boolean;
}

/** Why somebody may not call a service; undefined: may. */
export function refusal(access: Access, caller: Caller, known: KnownNodes): GantryError | undefined {
  if (access === 'anybody' || caller.kind === 'administrator') return undefined;
  if (caller.kind === 'nobody') return denied('only nodes of this cluster may call, and show their certificate');
  const { nodeId, role, clusterId } = caller;
  if (clusterId !== known.clusterId()) return denied(`node ${nodeId} is of another cluster`);
  if (known.isRemoved(nodeId)) {
    return new GantryError('NODE_REMOVED', `node ${nodeId} was removed from this cluster`, {
      hint: 'leave the cluster and join again',
    });
  }
  if (access === 'manager' && role !== 'manager') return denied(`node ${nodeId} is not a manager`);
  return undefined;
}

function denied(why: string): GantryError {
  return new GantryError('PERMISSION_DENIED', `refused: ${why}`);
}

/** What calls of all four kinds have in common. */
type ServerCall = Pick<
  ServerUnaryCall<unknown, unknown>,
  'getPath' | 'getPeer' | 'getAuthContext' | 'metadata' | 'emit'
>;
type Callback = (error: unknown) => void;
type Handler = (call: ServerCall, callback?: Callback) => void;

/** The service as it is served to other nodes: each call is refused, and logged, before anything of it is looked at. */
export function guarded(service: ManagerService, known: KnownNodes, logger: Logger): ManagerService {
  const guard = (handler: Handler): Handler => {
    return (call, callback) => {
      const caller = remoteCaller(call);
      const error = refusal(service.access, caller, known);
      if (error === undefined) return handler(call, callback);
      const about = { requestId: requestIdOf(call.metadata), method: call.getPath(), reason: error.message };
      logger.warn({ caller, from: call.getPeer(), ...about }, 'call refused');
      if (callback === undefined) call.emit('error', toServiceError(error));
      else callback(toServiceError(error));
    };
  };
  const handlers = Object.entries(service.implementation) as [string, Handler][];
  const implementation = Object.fromEntries(handlers.map(([name, handler]) => [name, guard(handler)]));
  return { ...service, implementation: implementation as UntypedServiceImplementation };
}
