/** A gRPC service of a manager, and who may call it from another node. */
import type { ServerUnaryCall, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { requestIdOf } from '../proto/call-log.ts';
import { type ErrorCode, fromServiceError, GantryError, toServiceError } from '../proto/errors.ts';
import { type Caller, remoteCaller } from './forwarding/caller.ts';
import { type Stranger, strangerOf } from './forwarding/stranger.ts';

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
  if (caller.kind === 'nobody') return denied('only nodes of this cluster may call');
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
  'getPath' | 'getPeer' | 'getAuthContext' | 'metadata' | 'emit' | 'on'
>;
type Callback = (error: unknown, ...answer: unknown[]) => void;
type Handler = (call: ServerCall, callback?: Callback) => void;

/** What a service itself refuses, beside what its callers did wrong. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set(['PERMISSION_DENIED', 'NOT_IN_CLUSTER']);

/**
 * The service as it is served to other nodes: each call that may not be is refused before anything of it is looked at.
 * Whoever refuses it, this or the service, it is logged with who called from where.
 */
export function guarded(service: ManagerService, known: KnownNodes, logger: Logger, now: () => number): ManagerService {
  const guard = (handler: Handler): Handler => {
    return (call, callback) => {
      const caller = remoteCaller(call);
      const stranger = caller.kind === 'nobody' ? strangerOf(call, known.clusterId(), now()) : undefined;
      const note = ({ message }: Error) => {
        const about = { requestId: requestIdOf(call.metadata), method: call.getPath(), reason: message };
        logger.warn({ caller, problem: stranger?.problem, from: call.getPeer(), ...about }, 'call refused');
      };
      const error = explained(refusal(service.access, caller, known), stranger);
      if (error !== undefined) {
        note(error);
        return callback === undefined
          ? void call.emit('error', toServiceError(error))
          : callback(toServiceError(error));
      }
      const ended = (thrown: unknown) => {
        const refused = fromServiceError(thrown);
        const isRefusal = service.access === 'anybody' ? refused.fault === 'user' : REFUSALS.has(refused.code);
        if (isRefusal) note(refused);
      };
      if (callback === undefined) {
        call.on('error', ended);
        return handler(call);
      }
      handler(call, (thrown, ...answer) => {
        if (thrown !== null) ended(thrown);
        callback(thrown, ...answer);
      });
    };
  };
  const handlers = Object.entries(service.implementation) as [string, Handler][];
  const implementation = Object.fromEntries(handlers.map(([name, handler]) => [name, guard(handler)]));
  return { ...service, implementation: implementation as UntypedServiceImplementation };
}

/** Who has a certificate is told what is wrong with it. */
function explained(error: GantryError | undefined, stranger: Stranger | undefined): GantryError | undefined {
  if (error === undefined || stranger === undefined) return error;
  return new GantryError(error.code, `${error.message}: ${stranger.problem}`, { hint: stranger.hint });
}
