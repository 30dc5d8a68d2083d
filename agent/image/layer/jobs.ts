/** What layer workers do: many file system calls, made synchronously on a thread of their own. Plain data both ways. */
import { type ErrorCode, GantryError, toGantryError } from '../../../proto/errors.ts';
import type { Changes, ChangesJob } from './changes.ts';
import type { Copied, CopyJob } from './copy.ts';
import type { Extracted, ExtractJob } from './extract.ts';
import type { Measured, MeasureJob } from './measure.ts';
import type { Packed, PackJob } from './pack.ts';
import type { ScanJob, Scanned } from './scan.ts';
import type { Unpacked, UnpackJob } from './unpack.ts';

export type LayerJob = UnpackJob | PackJob | ScanJob | CopyJob | ExtractJob | MeasureJob | ChangesJob;

/** The result's type by the job's. */
export interface LayerResults {
  readonly unpack: Unpacked;
  readonly pack: Packed;
  readonly scan: Scanned;
  readonly copy: Copied;
  readonly extract: Extracted;
  readonly measure: Measured;
  readonly changes: Changes;
}

export type LayerReply =
  | { readonly ok: true; readonly result: LayerResults[LayerJob['kind']] }
  | { readonly ok: false; readonly error: PlainError };

/** structuredClone makes a plain Error of a GantryError, without code and hint. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly stack: string;
}

export function toPlainError(thrown: unknown): PlainError {
  const { code, message, hint, stack } = toGantryError(thrown);
  return { code, message, hint, stack: stack ?? '' };
}

export function fromPlainError(error: PlainError): GantryError {
  return new GantryError(error.code, error.message, { hint: error.hint, cause: error.stack });
}
