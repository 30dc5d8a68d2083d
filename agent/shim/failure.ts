/** How a shim reports failures: as JSON, in its report and in START_FAILED. */
import { type ErrorCode, GantryError } from '../../proto/errors.ts';

/** Codes that shims use. */
const CODES = ['COMMAND_NOT_FOUND', 'COMMAND_NOT_RUNNABLE', 'HOST', 'WRONG_STATE'] as const satisfies ErrorCode[];

/** `doing`: what failed, as in "cannot create container 0123". */
export function shimFailure(doing: string, report: unknown): GantryError {
  const { error, code } = (typeof report === 'object' && report !== null ? report : {}) as Record<string, unknown>;
  const known = CODES.find((candidate) => candidate === code) ?? 'HOST';
  // A runtime's message may have several lines; ours has one.
  const text = typeof error === 'string' ? error.replaceAll(/\s*\n\s*/g, ' ') : 'its shim gave no reason';
  return new GantryError(known, `${doing}: ${text}`);
}

export function parseReport(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return { error: json === '' ? 'its shim has died' : `its shim said ${JSON.stringify(json)}` };
  }
}
