/**
 * How the program ends when something is wrong. This file is loaded at every start: it knows a GantryError by its
 * name, so that help and usage errors need not load gRPC.
 */
import type { GantryError } from '../proto/errors.ts';

/** Exit codes as in `docker run`. */
export const EXIT = { done: 0, failed: 1, refused: 125, notRunnable: 126, notFound: 127 } as const;

/** An error of the command line itself. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;
  readonly hint: string;

  constructor(message: string, options: { readonly hint?: string; readonly exitCode?: number } = {}) {
    super(message);
    this.hint = options.hint ?? '';
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

export function isGantryError(thrown: unknown): thrown is GantryError {
  return thrown instanceof Error && thrown.name === 'GantryError';
}

/** What is printed after "gantry: ". */
export function failureText(thrown: unknown): string {
  if (thrown instanceof CliError || isGantryError(thrown)) {
    return thrown.hint === '' ? thrown.message : `${thrown.message}; ${thrown.hint}`;
  }
  if (!(thrown instanceof Error)) return String(thrown);
  if (thrown.name === 'TemplateError') return thrown.message;
  if ('path' in thrown) return `${String(thrown.path)}: ${fileReason(thrown)}`;
  // Neither ours nor the user's: where it was thrown is the only thing to go by.
  return `internal error: ${thrown.stack ?? thrown.message}`;
}

/** "no such file or directory" of what node:fs throws: its message names the code and the path as well. */
export function fileReason(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return /^E[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message;
}

export function exitCodeOf(thrown: unknown): number {
  return thrown instanceof CliError ? thrown.exitCode : EXIT.failed;
}

/** A failure of `run`: refused by the daemon, or the command couldn't be started. */
export function runExitCode(thrown: unknown): number {
  if (thrown instanceof CliError) return thrown.exitCode;
  return commandExitCode(thrown) ?? EXIT.refused;
}

/** 126 and 127 when that is what is wrong. */
export function commandExitCode(thrown: unknown): number | undefined {
  if (!isGantryError(thrown)) return undefined;
  if (thrown.code === 'COMMAND_NOT_FOUND') return EXIT.notFound;
  return thrown.code === 'COMMAND_NOT_RUNNABLE' ? EXIT.notRunnable : undefined;
}

/** The same failure with another exit code. */
export function withExitCode(thrown: unknown, exitCode: number): CliError {
  return new CliError(failureText(thrown), { exitCode });
}

/** What gRPC says of the connection, when that is what failed: what the daemon itself answers carries no cause. */
export function brokenConnection(error: unknown): string | undefined {
  return isGantryError(error) && error.code === 'UNAVAILABLE' && error.cause !== undefined ? error.message : undefined;
}
