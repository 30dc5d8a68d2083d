/** What the etcd client throws, as errors that a user can read. */
import {
  EtcdAuthenticationFailedError,
  EtcdLeaseInvalidError,
  EtcdPermissionDeniedError,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCOutOfRangeError,
  GRPCResourceExhastedError,
  GRPCUnauthenticatedError,
} from 'etcd3';
import { GantryError } from '../../../proto/errors.ts';

/** etcd has answered, and another of its members wouldn't answer otherwise. */
const ANSWERS = [
  EtcdAuthenticationFailedError,
  EtcdLeaseInvalidError,
  EtcdPermissionDeniedError,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCOutOfRangeError,
  GRPCResourceExhastedError,
  GRPCUnauthenticatedError,
];

/** Whether another try, at another member, may go better. */
export function isTransportFailure(error: unknown): boolean {
  return !ANSWERS.some((kind) => error instanceof kind);
}

/** `name`: of the etcd cluster. */
export function describeFailure(name: string, error: unknown): GantryError {
  const detail =
    error instanceof Error ? error.message.replace(/^\w*Error: /, '').replace(/^\d+ [A-Z_]+: /, '') : String(error);
  const make = (code: 'PERMISSION_DENIED' | 'EXHAUSTED' | 'UNSUPPORTED' | 'UNAVAILABLE', what: string, hint: string) =>
    new GantryError(code, `${name} ${what}: ${detail}`, { hint, cause: error });
  if (
    error instanceof EtcdPermissionDeniedError ||
    error instanceof GRPCUnauthenticatedError ||
    error instanceof EtcdAuthenticationFailedError
  ) {
    return make(
      'PERMISSION_DENIED',
      'refuses this manager',
      'let the user of its client certificate read and write the prefix',
    );
  }
  if (/database space exceeded/.test(detail)) {
    return make(
      'EXHAUSTED',
      'has no space left',
      'defragment it and disarm its alarm, or raise its --quota-backend-bytes',
    );
  }
  if (/request is too large|too many operations/.test(detail)) {
    return make(
      'UNSUPPORTED',
      'takes only small requests',
      'give it --max-request-bytes=1572864 and --max-txn-ops=128, its defaults, or more',
    );
  }
  return make(
    'UNAVAILABLE',
    'cannot be reached',
    'see that its members run and have a quorum; running tasks go on meanwhile',
  );
}
