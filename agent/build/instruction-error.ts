/** Errors of a Dockerfile's instructions: they say where. Pure. */
import { type ErrorCode, GantryError, toGantryError } from '../../proto/errors.ts';

export interface InstructionPlace {
  readonly file: string;
  /** From 1 */
  readonly line: number;
}

/** An error at an instruction: "Dockerfile:LINE: ...". */
export function instructionError(
  at: InstructionPlace,
  message: string,
  options: { readonly code?: ErrorCode; readonly hint?: string; readonly cause?: unknown } = {},
): GantryError {
  const { code = 'INVALID_ARGUMENT', ...rest } = options;
  return new GantryError(code, `${at.file}:${at.line}: ${message}`, rest);
}

/** What `work` gives; its errors say where. */
export function withPlace<T>(at: InstructionPlace, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw placed(at, error);
  }
}

/** The same of work that takes its time. */
export async function withPlaceLater<T>(at: InstructionPlace, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw placed(at, error);
  }
}

/** Errors that say where already, and those of a build that is cancelled, are left alone. */
function placed(at: InstructionPlace, error: unknown): unknown {
  if (error instanceof Error && error.name === 'AbortError') return error;
  const { code, message, hint } = toGantryError(error);
  if (code === 'CANCELLED' || message.startsWith(`${at.file}:`)) return error;
  return instructionError(at, message, { code, hint, cause: error });
}
