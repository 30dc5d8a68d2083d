/** What the registry answers instead of success: the OCI distribution specification 1.1, "Error Codes". */
import { GantryError, toGantryError } from '../../proto/errors.ts';

const STATUS = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  UNKNOWN: 500,
} as const;

export type RegistryErrorCode = keyof typeof STATUS;

export interface RegistryErrorOptions {
  /** Where the specification asks for another status than the code's usual one. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly code: RegistryErrorCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: RegistryErrorCode, message: string, { status, headers, cause }: RegistryErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status ?? STATUS[code];
    this.headers = headers ?? {};
  }

  /** The body of the answer. */
  toJson(): string {
    return JSON.stringify({ errors: [{ code: this.code, message: this.message }] });
  }
}

/** What was thrown, as an answer; `invalid` is the code for what the client sent and should not have. */
export function toRegistryError(thrown: unknown, invalid: RegistryErrorCode): RegistryError {
  if (thrown instanceof RegistryError) return thrown;
  const error = toGantryError(thrown);
  const message = error.hint === '' ? error.message : `${error.message}; ${error.hint}`;
  const isTheirs = error instanceof GantryError && SENT_CODES.has(error.code);
  return new RegistryError(isTheirs ? invalid : 'UNKNOWN', message, { cause: thrown });
}

/** Of what an image is made of: all that comes from the client. */
const SENT_CODES: ReadonlySet<string> = new Set([
  'INVALID_ARGUMENT',
  'UNSUPPORTED',
  'CORRUPT',
  'NOT_FOUND',
  'EXHAUSTED',
]);
