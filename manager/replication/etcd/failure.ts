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
import { type ErrorCode, GantryError } from '../../../proto/errors.ts';

const DENIALS = [EtcdAuthenticationFailedError, EtcdPermissionDeniedError, GRPCUnauthenticatedError];

/** etcd has answered, and another of its members wouldn't answer otherwise. */
const ANSWERS = [
  ...DENIALS,
  EtcdLeaseInvalidError,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCOutOfRangeError,
  GRPCResourceExhastedError,
];

/** Whether another try, at another member, may go better. */
export function isTransportFailure(error: unknown): boolean {
  return !ANSWERS.some((kind) => error instanceof kind);
}

/** `name`: of the etcd cluster. */
export function describeFailure(name: string, error: unknown): GantryError {
  const detail = detailOf(error);
  const known = KNOWN.find(({ isIt }) => isIt(error, detail)) ?? (isTransportFailure(error) ? UNREACHABLE : REFUSED);
  return new GantryError(known.code, `${name} ${known.what}: ${detail}`, { hint: known.hint, cause: error });
}

export const UNREACHABLE = {
  code: 'UNAVAILABLE',
  what: 'cannot be reached',
  hint: 'see that its members run and have a quorum; running tasks go on meanwhile',
} as const;

const REFUSED = { code: 'HOST', what: 'refuses', hint: 'see what its own log says' } as const;

interface Known {
  readonly isIt: (error: unknown, detail: string) => boolean;
  readonly code: ErrorCode;
  readonly what: string;
  readonly hint: string;
}

const KNOWN: readonly Known[] = [
  {
    isIt: (error) => DENIALS.some((kind) => error instanceof kind),
    code: 'PERMISSION_DENIED',
    what: 'refuses this manager',
    hint: 'let the user that its client certificate names read and write the prefix',
  },
  {
    isIt: (_, detail) => detail.includes('database space exceeded'),
    code: 'EXHAUSTED',
    what: 'has no space left',
    hint: 'compact and defragment it and disarm its alarm, or raise its --quota-backend-bytes',
  },
  {
    isIt: (_, detail) => /too large|larger than max|too many operations/.test(detail),
    code: 'UNSUPPORTED',
    what: 'takes only small requests',
    hint: 'give it its defaults or more: --max-request-bytes=1572864 --max-txn-ops=128',
  },
  // It is behind with its own work, or has ended a lease: both pass.
  {
    isIt: (error, detail) => error instanceof EtcdLeaseInvalidError || detail.includes('too many requests'),
    ...UNREACHABLE,
    what: 'is not ready',
  },
];

/** Without what the client and gRPC put before etcd's own words. */
function detailOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message.replace(/^\w*Error: /, '').replace(/^\d+ [A-Z_]+: /, '');
}
