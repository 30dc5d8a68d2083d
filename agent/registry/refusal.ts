/** A registry's answer that isn't success, as an error: the OCI distribution specification, "Error Codes". */
import type { IncomingHttpHeaders } from 'node:http';
import { type ErrorCode, GantryError } from '../../proto/errors.ts';

/** An error that a registry answered with. */
export class RegistryRefusal extends GantryError {
  readonly status: number;
  /** Of the registry's own register: "MANIFEST_UNKNOWN", "DENIED". */
  readonly registryCodes: readonly string[];
  /** What the registry says of it, without what was attempted. */
  readonly reason: string;
  /** How long the registry asks to be left alone, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(what: string, answer: RefusedAnswer) {
    super(codeOf(answer.status), `${what}: ${answer.reason}`);
    this.status = answer.status;
    this.reason = answer.reason;
    this.registryCodes = answer.codes;
    this.retryAfterMs = answer.retryAfterMs;
  }
}

export interface RefusedAnswer {
  readonly status: number;
  readonly codes: readonly string[];
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
}

/** `body` is the beginning of what came; `nowMs` for a date in Retry-After. */
export function readRefusal(status: number, headers: IncomingHttpHeaders, body: string, nowMs: number): RefusedAnswer {
  const errors = registryErrors(body);
  const told = errors.map(({ code, message }) => printable(message === '' ? code : `${plainCode(code)}: ${message}`));
  return {
    status,
    codes: errors.map(({ code }) => code),
    reason: told.length > 0 ? told.join(', ') : `the registry answered with HTTP status ${status}`,
    retryAfterMs: retryAfter(headers['retry-after'], nowMs),
  };
}

function codeOf(status: number): ErrorCode {
  if (status === 401 || status === 403) return 'PERMISSION_DENIED';
  if (status === 404) return 'NOT_FOUND';
  if (status === 429) return 'EXHAUSTED';
  if (status === 405 || status === 501) return 'UNSUPPORTED';
  return status >= 500 || status === 408 ? 'UNAVAILABLE' : 'INVALID_ARGUMENT';
}

interface RegistryErrorEntry {
  readonly code: string;
  readonly message: string;
}

function registryErrors(body: string): readonly RegistryErrorEntry[] {
  let document: unknown;
  try {
    document = JSON.parse(body);
  } catch {
    // A proxy's page, say: the status tells.
    return [];
  }
  if (typeof document !== 'object' || document === null || !('errors' in document)) return [];
  if (!Array.isArray(document.errors)) return [];
  return document.errors.slice(0, 4).flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return [];
    const { code, message } = entry as Record<string, unknown>;
    return [{ code: typeof code === 'string' ? code : 'UNKNOWN', message: typeof message === 'string' ? message : '' }];
  });
}

/** "MANIFEST_UNKNOWN" is "manifest unknown", as Docker shows it. */
function plainCode(code: string): string {
  return code.toLowerCase().replaceAll('_', ' ');
}

const LONGEST_REASON = 300;

/** Of strangers' text no more than a line, and nothing that moves a terminal's cursor. */
export function printable(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .slice(0, LONGEST_REASON)
    .trim();
}

/** Seconds, or a date. */
function retryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
