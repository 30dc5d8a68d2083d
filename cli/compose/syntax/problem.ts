/** What is wrong with a compose file, and where. */
import { GantryError } from '../../../proto/errors.ts';
import type { Position } from './tree.ts';

export interface Problem {
  readonly position: Position;
  /** Dotted path of the key: services.web.ports */
  readonly key: string;
  readonly message: string;
  readonly hint: string;
}

/** Thrown while a value is read; the reader of the enclosing key records it and goes on with the next key. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** `stack.yml:12:5: services.web.ports: invalid port "x"; write ...` */
export function problemLine({ position, key, message, hint }: Problem): string {
  const place = `${position.file}:${position.line}:${position.column}`;
  return [place, ...(key === '' ? [] : [key]), hint === '' ? message : `${message}; ${hint}`].join(': ');
}

/** All problems as one error, a line each, in the order of the files. */
export function problemsError(problems: readonly Problem[]): GantryError {
  const ordered = problems.toSorted(
    (a, b) =>
      a.position.file.localeCompare(b.position.file) ||
      a.position.line - b.position.line ||
      a.position.column - b.position.column,
  );
  return new GantryError('INVALID_ARGUMENT', [...new Set(ordered.map(problemLine))].join('\n'));
}
