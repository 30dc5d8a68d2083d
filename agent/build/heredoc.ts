/** Here-documents of RUN, COPY and ADD. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { splitWords } from './words.ts';

export interface Heredoc {
  /** The delimiter; for COPY also the file's name. */
  readonly name: string;
  readonly content: string;
  /** Variables in the content are for the builder to expand (COPY); not when the delimiter was quoted. */
  readonly expand: boolean;
  /** As it stands in the instruction: "<<-'EOF'" */
  readonly marker: string;
}

/** A here-document that is announced, without its content. */
type Announced = Omit<Heredoc, 'content'> & {
  /** Tabs at the start of its lines are dropped. */
  readonly dropsTabs: boolean;
};

const MARKER = /^(\d*<<(-?)(?:"([^"]+)"|'([^']+)'|([A-Za-z_][\w.-]*)))/;

/**
 * Those announced in an instruction. Only a word that begins so is one: what stands within quotes is text, and `$((a<<b))` is
 * arithmetic.
 */
export function findHeredocs(text: string, escapeChar: string): Announced[] {
  return splitWords(text, escapeChar).flatMap((word) => {
    const [, marker, dash, double, single, plain] = MARKER.exec(word) ?? [];
    const name = double ?? single ?? plain;
    if (marker === undefined || name === undefined) return [];
    return { name, marker, expand: plain !== undefined, dropsTabs: dash === '-' };
  });
}

/** Index of the line after their content, which begins at `start`; after the last line, where one doesn't end. */
export function skipHeredocs(announced: readonly Announced[], lines: readonly string[], start: number): number {
  return announced.reduce((next, heredoc) => Math.min(findEnd(heredoc, lines, next) + 1, lines.length), start);
}

/** The here-documents of an instruction, whose content is in `lines`, one after the other. Throws INVALID_ARGUMENT. */
export function takeHeredocs(
  { text, escapeChar }: { readonly text: string; readonly escapeChar: string },
  lines: readonly string[],
  at: { readonly file: string; readonly line: number },
): Heredoc[] {
  let next = 0;
  return findHeredocs(text, escapeChar).map((announced) => {
    const { dropsTabs, ...heredoc } = announced;
    const end = findEnd(announced, lines, next);
    if (end === lines.length) {
      const message = `${at.file}:${at.line}: unterminated here-document: no line "${heredoc.name}"`;
      throw new GantryError('INVALID_ARGUMENT', message);
    }
    const content = lines.slice(next, end).map((line) => `${dropsTabs ? withoutTabs(line) : line}\n`);
    next = end + 1;
    return { ...heredoc, content: content.join('') };
  });
}

/** Index of the line that ends it; the number of lines without one. */
function findEnd({ name, dropsTabs }: Announced, lines: readonly string[], start: number): number {
  for (let index = start; index < lines.length; index++) {
    const line = lines[index] ?? '';
    if ((dropsTabs ? withoutTabs(line) : line) === name) return index;
  }
  return lines.length;
}

function withoutTabs(line: string): string {
  return line.replace(/^\t+/, '');
}
