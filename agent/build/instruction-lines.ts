/** Which lines of a Dockerfile belong to which instruction. Pure. Source: docs.docker.com/reference/dockerfile, "Format". */
import { findHeredocs, skipHeredocs } from './heredoc.ts';

export interface InstructionLines {
  /** As they stand in the file. */
  readonly source: readonly string[];
  /** From 1 */
  readonly line: number;
  readonly lastLine: number;
}

/** Without empty lines and comments between instructions; `lines` are all of the file. */
export function splitInstructions(lines: readonly string[], escapeChar: string): InstructionLines[] {
  const found: InstructionLines[] = [];
  for (let start = 0; start < lines.length; start++) {
    if (isEmpty(lines[start] ?? '')) continue;
    const { text, next } = joinContinuations(lines, start, escapeChar);
    const end = canHaveHeredocs(text) ? skipHeredocs(findHeredocs(text, escapeChar), lines, next) : next;
    found.push({ source: lines.slice(start, end), line: start + 1, lastLine: end });
    start = end - 1;
  }
  return found;
}

/**
 * The logical line that begins at `start`: lines that end in the escape character are joined with the next, and comments and
 * empty lines among them are dropped. `next` is the index of the line after it.
 */
export function joinContinuations(
  lines: readonly string[],
  start: number,
  escapeChar: string,
): { text: string; next: number } {
  const continuation = escapeChar === '\\' ? /\\[ \t]*$/ : /`[ \t]*$/;
  let text = '';
  for (let index = start; index < lines.length; index++) {
    const line = lines[index] ?? '';
    if (index > start && isEmpty(line)) continue;
    if (!continuation.test(line)) return { text: text + line, next: index + 1 };
    text += line.replace(continuation, '');
  }
  return { text, next: lines.length };
}

function isEmpty(line: string): boolean {
  return /^\s*(#.*)?$/.test(line);
}

function canHaveHeredocs(text: string): boolean {
  return /^\s*(?:ONBUILD\s+)?(?:RUN|COPY|ADD)\s/i.test(text);
}
