/**
 * The register of error codes, and the one error class that crosses process boundaries.
 *
 * A code says whose fault it is and whether trying again can help; the message says what was attempted and
 * on what; the hint says what to do.
 */
import type { ServiceError } from '@grpc/grpc-js';
// These two alone: the library as a whole takes a CLI command, which may ask no daemon, as long as Node's own start.
import { Status as status } from '@grpc/grpc-js/build/src/constants.js';
import { Metadata } from '@grpc/grpc-js/build/src/metadata.js';

interface CodeEntry {
  /** gRPC status that the error travels as. */
  readonly grpc: status;
  /** Whose fault: the user's (bad input), the system's (a host or disk), or ours (a defect). */
  readonly fault: 'user' | 'system' | 'defect';
  /** True when the same call may succeed later without anybody changing anything. */
  readonly temporary: boolean;
}

const CODES = {
  INVALID_ARGUMENT: { grpc: status.INVALID_ARGUMENT, fault: 'user', temporary: false },
  UNSUPPORTED: { grpc: status.UNIMPLEMENTED, fault: 'user', temporary: false },
  NOT_FOUND: { grpc: status.NOT_FOUND, fault: 'user', temporary: false },
  IMAGE_NOT_FOUND: { grpc: status.NOT_FOUND, fault: 'user', temporary: false },
  AMBIGUOUS: { grpc: status.INVALID_ARGUMENT, fault: 'user', temporary: false },
  ALREADY_EXISTS: { grpc: status.ALREADY_EXISTS, fault: 'user', temporary: false },
  IN_USE: { grpc: status.FAILED_PRECONDITION, fault: 'user', temporary: false },
  PORT_IN_USE: { grpc: status.FAILED_PRECONDITION, fault: 'user', temporary: false },
  WRONG_STATE: { grpc: status.FAILED_PRECONDITION, fault: 'user', temporary: false },
  NOT_IN_CLUSTER: { grpc: status.FAILED_PRECONDITION, fault: 'user', temporary: false },
  /** For good: it is told so by a manager that knows it. */
  NODE_REMOVED: { grpc: status.FAILED_PRECONDITION, fault: 'user', temporary: false },
  NOT_A_MANAGER: { grpc: status.FAILED_PRECONDITION, fault: 'user', temporary: false },
  PERMISSION_DENIED: { grpc: status.PERMISSION_DENIED, fault: 'user', temporary: false },
  COMMAND_NOT_FOUND: { grpc: status.FAILED_PRECONDITION, fault: 'user', temporary: false },
  COMMAND_NOT_RUNNABLE: { grpc: status.FAILED_PRECONDITION, fault: 'user', temporary: false },
  EXHAUSTED: { grpc: status.RESOURCE_EXHAUSTED, fault: 'system', temporary: true },
  CONFLICT: { grpc: status.ABORTED, fault: 'system', temporary: true },
  UNAVAILABLE: { grpc: status.UNAVAILABLE, fault: 'system', temporary: true },
  CANCELLED: { grpc: status.CANCELLED, fault: 'user', temporary: true },
  CORRUPT: { grpc: status.DATA_LOSS, fault: 'system', temporary: false },
  HOST: { grpc: status.INTERNAL, fault: 'system', temporary: false },
  INTERNAL: { grpc: status.INTERNAL, fault: 'defect', temporary: false },
} as const satisfies Record<string, CodeEntry>;

export type ErrorCode = keyof typeof CODES;

export interface ErrorOptions {
  /** What the user can do about it, as a sentence without a final full stop. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An error that a user is meant to read. `message` is one line that names what was attempted and on what. */
export class GantryError extends Error {
  override readonly name = 'GantryError';
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? '';
  }

  get temporary(): boolean {
    return CODES[this.code].temporary;
  }

  get fault(): 'user' | 'system' | 'defect' {
    return CODES[this.code].fault;
  }
}

/** Any thrown value as a GantryError; what isn't one already becomes INTERNAL and keeps its cause. */
export function toGantryError(thrown: unknown): GantryError {
  if (thrown instanceof GantryError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (isOfFullDisk(thrown)) {
    const where = 'path' in thrown && typeof thrown.path === 'string' ? `${thrown.path}: ` : '';
    return new GantryError('HOST', `${where}no space left on device`, {
      hint: 'free some on the disk that the data root is on, and try again',
      cause: thrown,
    });
  }
  return new GantryError('INTERNAL', message, { cause: thrown });
}

/** Whether it comes from a full disk, at whatever remove: what is tried elsewhere then fails there, too. */
export function isDiskFull(thrown: unknown): boolean {
  return isOfFullDisk(thrown) || (thrown instanceof Error && thrown.cause !== undefined && isDiskFull(thrown.cause));
}

/** Of Node's errors the one that any write can meet, and that says nothing of what to do. */
function isOfFullDisk(thrown: unknown): thrown is Error {
  return thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOSPC' || thrown.code === 'EDQUOT');
}

/** `message` and `hint` as the one line that users see. */
export function errorLine(error: GantryError): string {
  return error.hint === '' ? error.message : `${error.message}; ${error.hint}`;
}

const DETAIL_KEY = 'gantry-error-bin';

interface ErrorDetail {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** The error as bytes that {@link decodeErrorDetail} reads. */
export function encodeErrorDetail(error: GantryError): string {
  const detail: ErrorDetail = { code: error.code, message: error.message, hint: error.hint };
  return JSON.stringify(detail);
}

export function decodeErrorDetail(text: string): GantryError | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isErrorDetail(value)) return undefined;
    return new GantryError(value.code, value.message, { hint: value.hint });
  } catch {
    // Another program's trailer under our key: the caller falls back to the gRPC status.
    return undefined;
  }
}

function isErrorDetail(value: unknown): value is ErrorDetail {
  if (typeof value !== 'object' || value === null) return false;
  const { code, message, hint } = value as Record<string, unknown>;
  return typeof code === 'string' && code in CODES && typeof message === 'string' && typeof hint === 'string';
}

/** It travels in a header of HTTP/2, twice, and those are bounded. */
const LONGEST_MESSAGE = 4096;

/** What others have written may be quoted in a message: nothing of it moves a terminal's cursor, and there is an end to it. */
function presentable(message: string): string {
  const text = message.replace(/(?![\n\t])\p{Cc}/gu, ' ');
  return text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}...` : text;
}

/** A thrown value as what a gRPC handler passes to its callback or emits as 'error'. */
export function toServiceError(thrown: unknown): Partial<ServiceError> & { code: status } {
  const { code, message, hint, cause } = toGantryError(thrown);
  const error = new GantryError(code, presentable(message), { hint: presentable(hint), cause });
  const metadata = new Metadata();
  metadata.set(DETAIL_KEY, Buffer.from(encodeErrorDetail(error)));
  return Object.assign(new Error(error.message), {
    code: CODES[error.code].grpc,
    details: error.message,
    metadata,
  });
}

const BY_STATUS: Partial<Record<status, ErrorCode>> = {
  [status.UNAVAILABLE]: 'UNAVAILABLE',
  [status.CANCELLED]: 'CANCELLED',
  [status.UNIMPLEMENTED]: 'UNSUPPORTED',
  [status.NOT_FOUND]: 'NOT_FOUND',
  [status.PERMISSION_DENIED]: 'PERMISSION_DENIED',
  [status.RESOURCE_EXHAUSTED]: 'EXHAUSTED',
};

/** What a gRPC client call rejected with, as the error the server threw. */
export function fromServiceError(thrown: unknown): GantryError {
  if (thrown instanceof GantryError) return thrown;
  if (!isServiceError(thrown)) return toGantryError(thrown);
  const bytes = thrown.metadata.get(DETAIL_KEY)[0];
  const decoded = bytes === undefined ? undefined : decodeErrorDetail(bytes.toString());
  if (decoded !== undefined) return decoded;
  return new GantryError(BY_STATUS[thrown.code] ?? 'INTERNAL', thrown.details, { cause: thrown });
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && 'metadata' in thrown && thrown.metadata instanceof Metadata;
}
